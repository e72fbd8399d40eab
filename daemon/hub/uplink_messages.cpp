#include "hub/uplink_messages.h"

#include <algorithm>

#include "model/boot_time.h"
#include "sluice/v1/uplink.pb.h"

namespace sluice::hub {
namespace {

constexpr std::size_t kNodeBytesMax = 128;
constexpr std::size_t kEpochDigits = 32;
constexpr std::size_t kInstanceBytesMax = 128;
constexpr std::size_t kVersionBytesMax = 64;
constexpr std::size_t kMeasurementBytesMax = 128;
// Past any sensible label set; bounds what one definition may cost.
constexpr std::size_t kDefinitionBytesMax = 16 * 1024;
constexpr int kGapsPerBatchMax = 1000;
constexpr std::size_t kGapTextBytesMax = 512;
constexpr int kEventsPerBatchMax = 1000;
constexpr std::size_t kEventTextBytesMax = 512;
constexpr std::size_t kWordBytesMax = 64;
constexpr std::size_t kTopicBytesMax = 65'535;
constexpr int kAttributesMax = 16;
constexpr std::size_t kAttributeBytesMax = 256;
constexpr int kSeverityMax = 24;  // OpenTelemetry's
constexpr int kPhaseMax = 255;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_name(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '_' ||
         c == '-';
}

bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

// A newline in it could forge a log line elsewhere.
bool is_plain(char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7F; }

bool is_any(char) { return true; }

bool is_word(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || c == '_'; }

char lower(char c) { return c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c; }

Status check_text(std::string_view field, const std::string& text, std::size_t size_min,
                  std::size_t size_max, bool (*allowed)(char), std::string_view allowed_text) {
  const bool fits = text.size() >= size_min && text.size() <= size_max;
  if (fits && std::all_of(text.begin(), text.end(), allowed)) return {};
  std::string why(field);
  why += " must be " + std::to_string(size_min);
  if (size_max != size_min) why += ".." + std::to_string(size_max);
  why += " bytes of " + std::string(allowed_text) + "; it has " + std::to_string(text.size());
  return invalid_argument(fits ? why + " with others among them" : why);
}

Result<SeriesEntry> read_definition(const v1::SeriesDefinition& definition) {
  const std::string which = "series " + std::to_string(definition.id());
  if (definition.id() == 0) return invalid_argument("series id must be at least 1");
  if (Status s = check_text(which + " measurement", definition.measurement(), 1,
                            kMeasurementBytesMax, is_any, "UTF-8");
      !s.ok()) {
    return s;
  }
  SeriesEntry entry{definition.id(), {definition.measurement(), definition.unit(), {}}};
  for (const auto& [name, value] : definition.labels()) {
    if (name.empty()) return invalid_argument(which + " has a label without a name");
    entry.series.labels.emplace_back(name, value);
  }
  std::sort(entry.series.labels.begin(), entry.series.labels.end());
  if (const std::size_t size = encode_series(entry.series).size(); size > kDefinitionBytesMax) {
    return invalid_argument(which + " has a definition of " + std::to_string(size) +
                            " bytes; at most " + std::to_string(kDefinitionBytesMax));
  }
  return entry;
}

Result<std::string> read_epoch(std::string_view field, const std::string& text) {
  if (Status s = check_text(field, text, kEpochDigits, kEpochDigits, is_hex, "hex digits");
      !s.ok()) {
    return s;
  }
  std::string epoch(text);
  std::transform(epoch.begin(), epoch.end(), epoch.begin(), lower);
  return epoch;
}

Result<GapRow> read_gap(const v1::GapRecord& record) {
  const std::string which = "gap " + std::to_string(record.seq());
  if (record.seq() < 1) return invalid_argument(which + ": seq must be at least 1");
  if (record.kind() < v1::GAP_KIND_MESSAGES || record.kind() > v1::GAP_KIND_EVENTS) {
    return invalid_argument(which + " has the unknown kind " + std::to_string(record.kind()));
  }
  auto epoch = read_epoch(which + " epoch", record.epoch());
  if (!epoch.ok()) return epoch.status();
  Status status =
      check_text(which + " owner", record.owner(), 0, kGapTextBytesMax, is_any, "UTF-8");
  if (status.ok()) {
    status = check_text(which + " cause", record.cause(), 1, kGapTextBytesMax, is_any, "UTF-8");
  }
  if (status.ok() && record.from_ns() > record.to_ns()) {
    status = invalid_argument(which + ": from_ns " + std::to_string(record.from_ns()) +
                              " is after to_ns " + std::to_string(record.to_ns()));
  }
  if (!status.ok()) return status;
  return GapRow{record.seq(),
                *std::move(epoch),
                {static_cast<LedgerKind>(record.kind()), record.owner(), record.cause(),
                 record.from_ns(), record.to_ns(), record.count()}};
}

Status check_event_texts(const std::string& which, const v1::Event& event) {
  struct Text {
    const char* field;
    const std::string& text;
    std::size_t size_min;
    std::size_t size_max;
    bool (*allowed)(char);
    const char* allowed_text;
  };
  const Text texts[] = {
      {" pipeline", event.pipeline(), 1, kEventTextBytesMax, is_any, "UTF-8"},
      {" stage", event.stage(), 1, kEventTextBytesMax, is_any, "UTF-8"},
      {" name", event.name(), 1, kWordBytesMax, is_word, "[a-z0-9_]"},
      {" message", event.message(), 1, kEventTextBytesMax, is_any, "UTF-8"},
      {" boot_id", event.boot_id(), 0, kBootIdBytesMax, is_plain, "printable text"},
      {" source", event.source(), 0, kEventTextBytesMax, is_any, "UTF-8"},
      {" topic", event.topic(), 0, kTopicBytesMax, is_any, "UTF-8"},
  };
  for (const Text& t : texts) {
    Status status =
        check_text(which + t.field, t.text, t.size_min, t.size_max, t.allowed, t.allowed_text);
    if (!status.ok()) return status;
  }
  return {};
}

Status check_event_numbers(const std::string& which, const v1::Event& event) {
  if (event.severity() < 1 || event.severity() > kSeverityMax) {
    return invalid_argument(which + " severity must be 1.." + std::to_string(kSeverityMax) +
                            "; it is " + std::to_string(event.severity()));
  }
  if (event.phase() < 0 || event.phase() > kPhaseMax) {
    return invalid_argument(which + " has the unknown phase " + std::to_string(event.phase()));
  }
  if (event.event_time_ns() < 0 || event.event_time_ns() > kEventTimeMaxNs) {
    return invalid_argument(which + " event_time_ns must be 0.." + std::to_string(kEventTimeMaxNs) +
                            "; it is " + std::to_string(event.event_time_ns()));
  }
  if (!event.in_boot_time() && !event.boot_id().empty()) {
    return invalid_argument(which + " names a boot, but its time is not of one");
  }
  return {};
}

Result<std::vector<std::pair<std::string, std::string>>> read_attributes(const std::string& which,
                                                                         const v1::Event& event) {
  if (event.attributes_size() > kAttributesMax) {
    return invalid_argument(which + " has " + std::to_string(event.attributes_size()) +
                            " attributes; at most " + std::to_string(kAttributesMax));
  }
  std::vector<std::pair<std::string, std::string>> attributes;
  for (const v1::EventAttribute& attribute : event.attributes()) {
    Status status = check_text(which + " attribute key", attribute.key(), 1, kWordBytesMax, is_word,
                               "[a-z0-9_]");
    if (status.ok()) {
      status = check_text(which + " attribute " + attribute.key(), attribute.value(), 0,
                          kAttributeBytesMax, is_any, "UTF-8");
    }
    if (!status.ok()) return status;
    attributes.emplace_back(attribute.key(), attribute.value());
  }
  return attributes;
}

Result<EventEntry> read_event(const v1::EventRecord& record) {
  const std::string which = "event " + std::to_string(record.seq());
  if (record.seq() < 1) return invalid_argument(which + ": seq must be at least 1");
  auto epoch = read_epoch(which + " epoch", record.epoch());
  if (!epoch.ok()) return epoch.status();
  const v1::Event& event = record.event();
  if (Status s = check_event_texts(which, event); !s.ok()) return s;
  if (Status s = check_event_numbers(which, event); !s.ok()) return s;
  auto attributes = read_attributes(which, event);
  if (!attributes.ok()) return attributes.status();
  EventEntry entry;
  entry.row.seq = record.seq();
  entry.row.epoch = *std::move(epoch);
  entry.row.told = {
      {record.series_id(), event.in_boot_time() ? kBootTopic : TopicId{0}, event.event_time_ns(),
       static_cast<Severity>(event.severity()), static_cast<EventPhase>(event.phase()),
       event.name(), event.message(), *std::move(attributes)},
      event.pipeline(),
      event.stage(),
      event.boot_id()};
  entry.source = event.source();
  entry.topic = event.topic();
  return entry;
}

}  // namespace

Result<NodeKey> read_hello(const v1::Hello& hello) {
  Status status =
      check_text("Hello.node", hello.node(), 1, kNodeBytesMax, is_name, "[A-Za-z0-9._-]");
  const auto epoch = read_epoch("Hello.epoch", hello.epoch());
  if (status.ok()) status = epoch.status();
  if (status.ok()) {
    status = check_text("Hello.instance", hello.instance(), 1, kInstanceBytesMax, is_plain,
                        "printable text");
  }
  if (status.ok()) {
    status = check_text("Hello.version", hello.version(), 0, kVersionBytesMax, is_plain,
                        "printable text");
  }
  if (status.ok() && hello.next_seq() < 1) {
    status = invalid_argument("Hello.next_seq must be at least 1; it is " +
                              std::to_string(hello.next_seq()));
  }
  if (!status.ok()) return status;
  return NodeKey{hello.node(), *epoch};
}

ReadSeries read_series(const v1::SeriesDefinitions& definitions) {
  ReadSeries read;
  read.entries.reserve(static_cast<std::size_t>(definitions.definitions_size()));
  for (const v1::SeriesDefinition& definition : definitions.definitions()) {
    auto entry = read_definition(definition);
    if (entry.ok()) {
      read.entries.push_back(std::move(*entry));
    } else if (read.left_out++ == 0) {
      read.why = std::string(entry.status().message());
    }
  }
  return read;
}

Result<std::vector<GapRow>> read_gaps(const v1::GapBatch& batch) {
  if (batch.gaps_size() == 0 || batch.gaps_size() > kGapsPerBatchMax) {
    return invalid_argument("a batch of gaps has 1.." + std::to_string(kGapsPerBatchMax) +
                            " records; this one has " + std::to_string(batch.gaps_size()));
  }
  std::vector<GapRow> rows;
  rows.reserve(static_cast<std::size_t>(batch.gaps_size()));
  for (const v1::GapRecord& record : batch.gaps()) {
    auto row = read_gap(record);
    if (!row.ok()) return row.status();
    if (!rows.empty() && row->seq <= rows.back().seq) {
      return invalid_argument("gap " + std::to_string(row->seq) + " comes after gap " +
                              std::to_string(rows.back().seq));
    }
    rows.push_back(*std::move(row));
  }
  return rows;
}

Result<std::vector<EventEntry>> read_events(const v1::EventBatch& batch) {
  if (batch.events_size() == 0 || batch.events_size() > kEventsPerBatchMax) {
    return invalid_argument("a batch of events has 1.." + std::to_string(kEventsPerBatchMax) +
                            " records; this one has " + std::to_string(batch.events_size()));
  }
  std::vector<EventEntry> entries;
  entries.reserve(static_cast<std::size_t>(batch.events_size()));
  for (const v1::EventRecord& record : batch.events()) {
    auto entry = read_event(record);
    if (!entry.ok()) return entry.status();
    if (!entries.empty() && entry->row.seq <= entries.back().row.seq) {
      return invalid_argument("event " + std::to_string(entry->row.seq) + " comes after event " +
                              std::to_string(entries.back().row.seq));
    }
    entries.push_back(*std::move(entry));
  }
  return entries;
}

Result<std::vector<RowEntry>> take_rows(v1::SummaryBatch& batch) {
  std::vector<RowEntry> rows;
  rows.reserve(static_cast<std::size_t>(batch.rows_size()));
  for (v1::SummaryRow& row : *batch.mutable_rows()) {
    if (row.seq() < 1) {
      return invalid_argument("batch " + std::to_string(batch.batch_no()) +
                              ": row seq must be at least 1; it is " + std::to_string(row.seq()));
    }
    rows.push_back({row.seq(), std::move(*row.mutable_block())});
  }
  return rows;
}

void write_unread(const UnreadRows& rows, v1::UnreadRows& out) {
  out.set_rows(rows.rows);
  out.set_seq(rows.seq);
  out.set_text(rows.text);
}

std::optional<v1::UplinkResponse> refusal(const Status& why) {
  v1::UplinkResponse response;
  v1::Refusal& refusal = *response.mutable_refusal();
  switch (why.code()) {
    case StatusCode::already_exists: refusal.set_reason(v1::Refusal::LIVE_ELSEWHERE); break;
    case StatusCode::aborted: refusal.set_reason(v1::Refusal::SERIES_REDEFINED); break;
    default: return std::nullopt;
  }
  refusal.set_text(std::string(why.message()));
  return response;
}

}  // namespace sluice::hub
