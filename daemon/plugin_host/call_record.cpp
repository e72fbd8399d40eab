#include "plugin_host/call_record.h"

#include <array>
#include <cstddef>
#include <cstring>
#include <utility>
#include <vector>

namespace sluice {
namespace {

enum class Said : std::uint8_t { alter, reading, hold, settle_pass, settle_drop, event };

/// What a reading or an event without its texts takes at most, with all else that stands before it.
constexpr std::size_t kFieldsBytesMax = 96;

CallRecorder& recorder_of(const sluice_emit* emit) {
  return *static_cast<CallRecorder*>(emit->ctx);
}

std::string_view text(const char* bytes, std::size_t bytes_max) {
  return bytes == nullptr ? std::string_view() : std::string_view(bytes, strnlen(bytes, bytes_max));
}

/// As far as version 1 of the contract goes.
constexpr std::size_t kReadingBytesMin =
    offsetof(sluice_reading, bits) + sizeof(sluice_reading::bits);
constexpr std::size_t kEventBytesMin =
    offsetof(sluice_event, attributes) + sizeof(sluice_event::attributes);

bool is_whole(const sluice_reading* reading) {
  return reading != nullptr && reading->struct_size >= kReadingBytesMin;
}

bool is_whole(const sluice_event* event) {
  return event != nullptr && event->struct_size >= kEventBytesMin &&
         event->attribute_count <= SLUICE_ATTRIBUTES_MAX &&
         (event->attribute_count == 0 || event->attributes != nullptr);
}

bool is_equal(const sluice_verdict& a, const sluice_verdict& b) {
  return a.kind == b.kind && a.rule == b.rule;
}

sluice_reading read_reading(ByteReader& in) {
  sluice_reading r{};
  r.struct_size = sizeof r;
  r.series = static_cast<std::uint32_t>(in.u64());
  r.source = static_cast<std::uint32_t>(in.u64());
  r.kind = in.u8();
  r.quality = in.u8();
  r.event_time_ns = in.i64();
  r.bits = in.fixed64();
  return r;
}

Status malformed() { return data_loss("the record of a call is malformed"); }

/// An event's texts in the form that the contract wants. Its own copies: a record holds no NUL.
class EventTexts {
 public:
  explicit EventTexts(ByteReader& in) {
    name_ = in.string();
    message_ = in.string();
    const std::size_t count = in.count();
    if (count > SLUICE_ATTRIBUTES_MAX) {
      too_many_ = true;
      return;
    }
    for (std::size_t i = 0; i < count; ++i) {
      std::string key(in.string());
      texts_[i] = {std::move(key), std::string(in.string())};
      attributes_[i] = {texts_[i].first.c_str(), texts_[i].second.c_str()};
    }
    count_ = count;
  }
  bool too_many() const { return too_many_; }
  void put_into(sluice_event& event) const {
    event.name = name_.c_str();
    event.message = message_.c_str();
    event.attributes = attributes_.data();
    event.attribute_count = static_cast<std::uint16_t>(count_);
  }

 private:
  std::string name_;
  std::string message_;
  std::array<std::pair<std::string, std::string>, SLUICE_ATTRIBUTES_MAX> texts_;
  std::array<sluice_attribute, SLUICE_ATTRIBUTES_MAX> attributes_{};
  std::size_t count_ = 0;
  bool too_many_ = false;
};

Status apply_event(ByteReader& in, const sluice_emit* emit) {
  sluice_event event{};
  event.struct_size = sizeof event;
  event.series = static_cast<std::uint32_t>(in.u64());
  event.source = static_cast<std::uint32_t>(in.u64());
  event.severity = in.u8();
  event.phase = in.u8();
  event.event_time_ns = in.i64();
  const EventTexts texts(in);
  if (texts.too_many() || !in.ok()) return malformed();
  texts.put_into(event);
  emit->event(emit, &event);
  return {};
}

/// One thing said. What `emit` answers is its own affair: it remembers what it refused.
Status apply_one(ByteReader& in, const sluice_emit* emit) {
  const auto said = static_cast<Said>(in.u8());
  switch (said) {
    case Said::alter: {
      const auto row = static_cast<std::uint32_t>(in.u64());
      const sluice_reading reading = read_reading(in);
      if (in.ok()) emit->alter(emit, row, &reading);
      break;
    }
    case Said::reading: {
      const sluice_reading reading = read_reading(in);
      if (in.ok()) emit->reading(emit, &reading);
      break;
    }
    case Said::hold: {
      const auto row = static_cast<std::uint32_t>(in.u64());
      const std::uint64_t token = in.u64();
      // The plugin goes by the token that it was given.
      if (in.ok() && emit->hold(emit, row) != token) return malformed();
      break;
    }
    case Said::settle_pass: {
      const std::uint64_t token = in.u64();
      const sluice_reading reading = read_reading(in);
      if (in.ok()) emit->settle_pass(emit, token, &reading);
      break;
    }
    case Said::settle_drop: {
      const std::uint64_t token = in.u64();
      const auto rule = static_cast<std::uint32_t>(in.u64());
      if (in.ok()) emit->settle_drop(emit, token, rule);
      break;
    }
    case Said::event: return apply_event(in, emit);
    default: return malformed();
  }
  return in.ok() ? Status() : malformed();
}

Status apply_verdicts(ByteReader& in, std::uint32_t rows, sluice_verdict* verdicts) {
  for (std::uint32_t row = 0; row < rows;) {
    const std::uint64_t run = in.u64();
    const std::uint8_t kind = in.u8();
    const std::uint64_t rule = in.u64();
    if (!in.ok() || run == 0 || run > rows - row || rule > UINT16_MAX) return malformed();
    for (std::uint64_t i = 0; i < run; ++i) {
      verdicts[row++] = {kind, 0, static_cast<std::uint16_t>(rule)};
    }
  }
  return {};
}

}  // namespace

CallRecorder::CallRecorder()
    : emit_{sizeof(sluice_emit), this,           on_alter, on_reading, on_hold,
            on_settle_pass,      on_settle_drop, on_event} {}

void CallRecorder::begin(const sluice_emit* next) {
  next_ = next;
  fault_.clear();
  said_ = {};
}

void CallRecorder::begin(std::uint64_t next_token, std::uint64_t held_max, std::uint32_t rows) {
  begin(nullptr);
  next_token_ = next_token;
  held_left_ = held_max;
  rows_ = rows;
}

Result<std::string> CallRecorder::finish(const sluice_verdict* verdicts, std::uint32_t rows) {
  ByteWriter record;
  for (std::uint32_t row = 0; row < rows;) {
    std::uint32_t end = row + 1;
    while (end < rows && is_equal(verdicts[end], verdicts[row])) ++end;
    record.u64(end - row);
    record.u8(verdicts[row].kind);
    record.u64(verdicts[row].rule);
    row = end;
  }
  std::string bytes = record.take();
  if (!takes(true, bytes.size())) return internal_error(fault_);
  bytes += said_.bytes();
  return bytes;
}

bool CallRecorder::takes(bool is_whole, std::size_t bytes) {
  if (!is_whole) fault_ = "it emitted NULL, or a struct that is too small";
  if (said_.size() + bytes > kCallRecordBytesMax) fault_ = "what it said takes more than 16 MiB";
  return fault_.empty();
}

void CallRecorder::reading(const sluice_reading& r) {
  said_.u64(r.series);
  said_.u64(r.source);
  said_.u8(r.kind);
  said_.u8(r.quality);
  said_.i64(r.event_time_ns);
  said_.fixed64(r.bits);
}

sluice_result CallRecorder::on_alter(const sluice_emit* emit, std::uint32_t row,
                                     const sluice_reading* reading) {
  CallRecorder& self = recorder_of(emit);
  const sluice_emit* next = self.next_;
  if (next != nullptr && next->alter(next, row, reading) != SLUICE_OK) return SLUICE_REFUSED;
  if (!self.takes(is_whole(reading), kFieldsBytesMax)) return SLUICE_REFUSED;
  self.said_.u8(static_cast<std::uint8_t>(Said::alter));
  self.said_.u64(row);
  self.reading(*reading);
  return SLUICE_OK;
}

sluice_result CallRecorder::on_reading(const sluice_emit* emit, const sluice_reading* reading) {
  CallRecorder& self = recorder_of(emit);
  const sluice_emit* next = self.next_;
  if (next != nullptr && next->reading(next, reading) != SLUICE_OK) return SLUICE_REFUSED;
  if (!self.takes(is_whole(reading), kFieldsBytesMax)) return SLUICE_REFUSED;
  self.said_.u8(static_cast<std::uint8_t>(Said::reading));
  self.reading(*reading);
  return SLUICE_OK;
}

std::uint64_t CallRecorder::on_hold(const sluice_emit* emit, std::uint32_t row) {
  CallRecorder& self = recorder_of(emit);
  if (!self.takes(true, kFieldsBytesMax)) return 0;
  std::uint64_t token = 0;
  if (self.next_ != nullptr) {
    token = self.next_->hold(self.next_, row);
  } else if (row >= self.rows_) {
    self.fault_ = "hold: row " + std::to_string(row) + " of " + std::to_string(self.rows_);
  } else if (self.held_left_ > 0) {
    --self.held_left_;
    token = self.next_token_++;
  }
  if (token == 0) return 0;
  self.said_.u8(static_cast<std::uint8_t>(Said::hold));
  self.said_.u64(row);
  self.said_.u64(token);
  return token;
}

sluice_result CallRecorder::on_settle_pass(const sluice_emit* emit, std::uint64_t token,
                                           const sluice_reading* reading) {
  CallRecorder& self = recorder_of(emit);
  const sluice_emit* next = self.next_;
  if (next != nullptr && next->settle_pass(next, token, reading) != SLUICE_OK) {
    return SLUICE_REFUSED;
  }
  if (!self.takes(is_whole(reading), kFieldsBytesMax)) return SLUICE_REFUSED;
  self.said_.u8(static_cast<std::uint8_t>(Said::settle_pass));
  self.said_.u64(token);
  self.reading(*reading);
  return SLUICE_OK;
}

sluice_result CallRecorder::on_settle_drop(const sluice_emit* emit, std::uint64_t token,
                                           std::uint32_t rule) {
  CallRecorder& self = recorder_of(emit);
  const sluice_emit* next = self.next_;
  if (next != nullptr && next->settle_drop(next, token, rule) != SLUICE_OK) return SLUICE_REFUSED;
  if (!self.takes(true, kFieldsBytesMax)) return SLUICE_REFUSED;
  self.said_.u8(static_cast<std::uint8_t>(Said::settle_drop));
  self.said_.u64(token);
  self.said_.u64(rule);
  return SLUICE_OK;
}

sluice_result CallRecorder::on_event(const sluice_emit* emit, const sluice_event* event) {
  CallRecorder& self = recorder_of(emit);
  const sluice_emit* next = self.next_;
  if (next != nullptr && next->event(next, event) != SLUICE_OK) return SLUICE_REFUSED;
  // One byte more than is accepted, so that who checks the record sees that it was too long.
  const std::size_t texts_max =
      SLUICE_MESSAGE_BYTES_MAX +
      (SLUICE_ATTRIBUTES_MAX + 1) * (SLUICE_NAME_BYTES_MAX + SLUICE_ATTRIBUTE_BYTES_MAX + 8);
  if (!self.takes(is_whole(event), kFieldsBytesMax + texts_max)) return SLUICE_REFUSED;
  ByteWriter& said = self.said_;
  said.u8(static_cast<std::uint8_t>(Said::event));
  said.u64(event->series);
  said.u64(event->source);
  said.u8(event->severity);
  said.u8(event->phase);
  said.i64(event->event_time_ns);
  said.string(text(event->name, SLUICE_NAME_BYTES_MAX + 1));
  said.string(text(event->message, SLUICE_MESSAGE_BYTES_MAX + 1));
  said.u64(event->attribute_count);
  for (std::uint16_t i = 0; i < event->attribute_count; ++i) {
    said.string(text(event->attributes[i].key, SLUICE_NAME_BYTES_MAX + 1));
    said.string(text(event->attributes[i].value, SLUICE_ATTRIBUTE_BYTES_MAX + 1));
  }
  return SLUICE_OK;
}

Status apply_call_record(std::string_view record, std::uint32_t rows, sluice_verdict* verdicts,
                         const sluice_emit* emit) {
  if (record.size() > kCallRecordBytesMax) return malformed();
  ByteReader in(record);
  if (Status s = apply_verdicts(in, rows, verdicts); !s.ok()) return s;
  while (in.ok() && !in.at_end()) {
    if (Status s = apply_one(in, emit); !s.ok()) return s;
  }
  return in.ok() ? Status() : malformed();
}

}  // namespace sluice
