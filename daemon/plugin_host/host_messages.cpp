#include "plugin_host/host_messages.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "plugin_host/frame.h"
#include "sluice_aggregate.h"

namespace sluice {
namespace {

constexpr std::size_t kTextBytesMax = 2048;

Status malformed(const char* what) {
  return data_loss(std::string("a malformed message (") + what + ")");
}

FrameWriter begin(HostMessage kind, std::string& out) {
  FrameWriter frame(out);
  frame.u64(static_cast<std::uint64_t>(kind));
  return frame;
}

/// Past the kind, if it is the one.
FrameReader after(HostMessage kind, std::string_view message) {
  FrameReader frame(message);
  return frame.u64() == static_cast<std::uint64_t>(kind) ? frame
                                                         : FrameReader(std::string_view("x"));
}

void write_tokens(TokenRange tokens, FrameWriter& frame) {
  frame.u64(tokens.next);
  frame.u64(tokens.held_max);
}

TokenRange read_tokens(FrameReader& frame) {
  TokenRange tokens;
  tokens.next = frame.u64();
  tokens.held_max = frame.u64();
  return tokens;
}

/// A column of `rows` items of T; null when it has another length.
template <typename T>
const T* column(FrameReader& frame, std::uint64_t rows) {
  const std::string_view bytes = frame.bytes();
  return bytes.size() == rows * sizeof(T) ? reinterpret_cast<const T*>(bytes.data()) : nullptr;
}

template <typename T>
void write_column(const T* items, std::uint32_t rows, FrameWriter& frame) {
  frame.bytes(items, rows * sizeof(T));
}

std::string cut(std::string_view text, std::size_t bytes_max) {
  return std::string(text.substr(0, bytes_max));
}

void write_optional(const std::optional<std::string>& text, FrameWriter& frame) {
  frame.u64(text ? 1 : 0);
  frame.bytes(text ? std::string_view(*text) : std::string_view());
}

std::optional<std::string> read_optional(FrameReader& frame) {
  const bool is_there = frame.u64() != 0;
  const std::string_view text = frame.bytes();
  return is_there ? std::optional<std::string>(text) : std::nullopt;
}

void write_aggregate(const AggregateMetadata& aggregate, FrameWriter& frame) {
  frame.bytes(aggregate.description);
  frame.bytes(aggregate.config_schema);
  frame.u64(aggregate.results.size());
  for (const AggregateMetadata::Number& result : aggregate.results) {
    frame.bytes(result.name);
    frame.bytes(result.unit);
    frame.bytes(result.description);
  }
}

/// More results than there may be stay unread, and the message is then not at its end.
AggregateMetadata read_aggregate(FrameReader& frame) {
  AggregateMetadata aggregate;
  aggregate.description = frame.bytes();
  aggregate.config_schema = frame.bytes();
  const std::uint64_t results = frame.u64();
  for (std::uint64_t i = 0; i < results && i < SLUICE_AGGREGATE_RESULTS_MAX; ++i) {
    AggregateMetadata::Number& result = aggregate.results.emplace_back();
    result.name = frame.bytes();
    result.unit = frame.bytes();
    result.description = frame.bytes();
  }
  return aggregate;
}

}  // namespace

HostMessage kind_of(std::string_view message) {
  return static_cast<HostMessage>(FrameReader(message).u64());
}

// --- from the daemon ---

void write_create(const std::string& config_json, std::string& out) {
  begin(HostMessage::create, out).bytes(config_json);
}

Result<std::string_view> read_create(std::string_view message) {
  FrameReader frame = after(HostMessage::create, message);
  const std::string_view config = frame.bytes();
  if (!frame.at_end()) return malformed("create");
  return config;
}

void write_process(const sluice_batch& batch, TokenRange tokens, std::string& out) {
  FrameWriter frame = begin(HostMessage::process, out);
  write_tokens(tokens, frame);
  frame.u64(batch.count);
  write_column(batch.series, batch.count, frame);
  write_column(batch.source, batch.count, frame);
  write_column(batch.event_time_ns, batch.count, frame);
  write_column(batch.kind, batch.count, frame);
  write_column(batch.quality, batch.count, frame);
  write_column(batch.bits, batch.count, frame);
}

Result<ProcessRequest> read_process(std::string_view message) {
  FrameReader frame = after(HostMessage::process, message);
  ProcessRequest request;
  request.tokens = read_tokens(frame);
  const std::uint64_t rows = frame.u64();
  if (rows > UINT32_MAX) return malformed("process");
  sluice_batch& batch = request.batch;
  batch.struct_size = sizeof batch;
  batch.count = static_cast<std::uint32_t>(rows);
  batch.series = column<std::uint32_t>(frame, rows);
  batch.source = column<std::uint32_t>(frame, rows);
  batch.event_time_ns = column<std::int64_t>(frame, rows);
  batch.kind = column<std::uint8_t>(frame, rows);
  batch.quality = column<std::uint8_t>(frame, rows);
  batch.bits = column<std::uint64_t>(frame, rows);
  const bool whole = batch.series && batch.source && batch.event_time_ns && batch.kind &&
                     batch.quality && batch.bits;
  if (!frame.at_end() || !whole) return malformed("process");
  return request;
}

void write_on_time(std::int64_t watermark_ns, TokenRange tokens, std::string& out) {
  FrameWriter frame = begin(HostMessage::on_time, out);
  write_tokens(tokens, frame);
  frame.u64(static_cast<std::uint64_t>(watermark_ns));
}

Result<TimeRequest> read_on_time(std::string_view message) {
  FrameReader frame = after(HostMessage::on_time, message);
  TimeRequest request;
  request.tokens = read_tokens(frame);
  request.watermark_ns = static_cast<std::int64_t>(frame.u64());
  if (!frame.at_end()) return malformed("on_time");
  return request;
}

void write_snapshot(std::string& out) { begin(HostMessage::snapshot, out); }

void write_restore(std::string_view version, std::string_view state, std::string& out) {
  FrameWriter frame = begin(HostMessage::restore, out);
  frame.bytes(version);
  frame.bytes(state);
}

Result<RestoreRequest> read_restore(std::string_view message) {
  FrameReader frame = after(HostMessage::restore, message);
  RestoreRequest request;
  request.version = frame.bytes();
  request.state = frame.bytes();
  if (!frame.at_end()) return malformed("restore");
  return request;
}

void write_answer(const HostAnswer& answer, std::string& out) {
  FrameWriter frame = begin(HostMessage::answer, out);
  frame.u64(answer.id);
  frame.bytes(answer.series);
}

Result<HostAnswer> read_answer(std::string_view message) {
  FrameReader frame = after(HostMessage::answer, message);
  HostAnswer answer;
  answer.id = static_cast<SeriesId>(frame.u64());
  answer.series = frame.bytes();
  if (!frame.at_end()) return malformed("answer");
  return answer;
}

// --- from the process ---

void write_done(const HostDone& done, std::string& out) {
  FrameWriter frame = begin(HostMessage::done, out);
  frame.u64(static_cast<std::uint64_t>(done.status.code()));
  frame.bytes(done.status.message());
  frame.bytes(done.payload);
  frame.u64(done.log.size());
  for (const PluginLogLine& line : done.log) {
    frame.u64(line.level);
    frame.bytes(line.text);
  }
}

Result<HostDone> read_done(std::string_view message) {
  FrameReader frame = after(HostMessage::done, message);
  HostDone done;
  const std::uint64_t code = frame.u64();
  const std::string text = cut(frame.bytes(), kTextBytesMax);
  done.payload = frame.bytes();
  const std::uint64_t lines = frame.u64();
  if (code > static_cast<std::uint64_t>(StatusCode::unauthenticated) ||
      lines > kPluginLogLinesMax) {
    return malformed("done");
  }
  for (std::uint64_t i = 0; i < lines; ++i) {
    const auto level = static_cast<std::uint32_t>(frame.u64());
    done.log.push_back({level, cut(frame.bytes(), kPluginLogBytesMax)});
  }
  if (!frame.at_end()) return malformed("done");
  if (code != 0) done.status = Status(static_cast<StatusCode>(code), text);
  return done;
}

std::string encode_metadata(const PluginMetadata& metadata) {
  std::string out;
  FrameWriter frame(out);
  frame.bytes(metadata.name);
  frame.bytes(metadata.version);
  frame.bytes(metadata.description);
  frame.bytes(metadata.config_schema);
  frame.u64(metadata.rules.size());
  for (const std::string& rule : metadata.rules) frame.bytes(rule);
  frame.u64(metadata.state_bytes_per_series);
  frame.u64(metadata.ordered ? 1 : 0);
  frame.u64(metadata.ordered_by_config ? 1 : 0);
  frame.u64(metadata.deterministic ? 1 : 0);
  frame.u64(metadata.aggregate ? 1 : 0);
  if (metadata.aggregate) write_aggregate(*metadata.aggregate, frame);
  return out;
}

Result<PluginMetadata> decode_metadata(std::string_view bytes) {
  FrameReader frame(bytes);
  PluginMetadata metadata;
  metadata.name = frame.bytes();
  metadata.version = frame.bytes();
  metadata.description = frame.bytes();
  metadata.config_schema = frame.bytes();
  const std::uint64_t rules = frame.u64();
  if (rules > SLUICE_RULES_MAX) return malformed("metadata");
  for (std::uint64_t i = 0; i < rules; ++i) metadata.rules.emplace_back(frame.bytes());
  metadata.state_bytes_per_series = frame.u64();
  metadata.ordered = frame.u64() != 0;
  metadata.ordered_by_config = frame.u64() != 0;
  metadata.deterministic = frame.u64() != 0;
  if (frame.u64() != 0) metadata.aggregate = read_aggregate(frame);
  if (!frame.at_end()) return malformed("metadata");
  return metadata;
}

std::string encode_traits(const InstanceTraits& traits) {
  std::string out;
  FrameWriter frame(out);
  frame.u64(traits.ordered ? 1 : 0);
  frame.u64(traits.wants_time ? 1 : 0);
  frame.u64(traits.keeps_state ? 1 : 0);
  return out;
}

Result<InstanceTraits> decode_traits(std::string_view bytes) {
  FrameReader frame(bytes);
  InstanceTraits traits;
  traits.ordered = frame.u64() != 0;
  traits.wants_time = frame.u64() != 0;
  traits.keeps_state = frame.u64() != 0;
  if (!frame.at_end()) return malformed("traits");
  return traits;
}

void write_ask_series(SeriesId id, std::string& out) {
  begin(HostMessage::ask_series, out).u64(id);
}

Result<SeriesId> read_ask_series(std::string_view message) {
  FrameReader frame = after(HostMessage::ask_series, message);
  const auto id = static_cast<SeriesId>(frame.u64());
  if (!frame.at_end()) return malformed("ask_series");
  return id;
}

void write_ask_derive(const DeriveAsk& ask, std::string& out) {
  FrameWriter frame = begin(HostMessage::ask_derive, out);
  frame.u64(ask.base);
  write_optional(ask.measurement, frame);
  write_optional(ask.unit, frame);
}

Result<DeriveAsk> read_ask_derive(std::string_view message) {
  FrameReader frame = after(HostMessage::ask_derive, message);
  DeriveAsk ask;
  ask.base = static_cast<SeriesId>(frame.u64());
  ask.measurement = read_optional(frame);
  ask.unit = read_optional(frame);
  if (!frame.at_end()) return malformed("ask_derive");
  return ask;
}

}  // namespace sluice
