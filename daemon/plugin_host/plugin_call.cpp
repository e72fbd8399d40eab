#include "plugin_host/plugin_call.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "model/boot_time.h"
#include "plugin_host/plugin_event.h"

namespace sluice {
namespace {

/// As far as version 1 of the contract goes.
constexpr std::size_t kReadingBytesMin =
    offsetof(sluice_reading, bits) + sizeof(sluice_reading::bits);

PluginCall& call_of(const sluice_emit* emit) { return *static_cast<PluginCall*>(emit->ctx); }

Reading to_reading(const sluice_reading& r, TopicId topic) {
  return {r.series, topic, r.event_time_ns, Value{static_cast<ValueKind>(r.kind), r.bits},
          static_cast<Quality>(r.quality)};
}

std::string row_text(std::uint32_t row) { return "row " + std::to_string(row); }

}  // namespace

PluginCall::PluginCall(const SeriesTable& series, HeldReadings& held, std::uint32_t rule_count)
    : series_(series),
      held_(held),
      rule_count_(rule_count),
      rules_allowed_(rule_count),
      emit_{sizeof(sluice_emit), this,           on_alter, on_reading, on_hold,
            on_settle_pass,      on_settle_drop, on_event} {}

void PluginCall::begin(const ReadingBatch* in) {
  active_ = true;
  rules_allowed_ = rule_count_;
  in_ = in;
  violation_.clear();
  const std::size_t rows = in == nullptr ? 0 : in->size();
  verdicts_.assign(rows, {SLUICE_VERDICT_NONE, 0, 0});
  notes_.assign(rows, {});
  readings_.clear();
  derived_.clear();
  events_.clear();
  settled_.clear();
  settled_dropped_.clear();
  held_.begin();
  if (rows > 0) {
    for (const TopicId topic : in->topic) topic_max_ = std::max(topic_max_, plain_topic(topic));
  }
}

void PluginCall::begin_again(const ReadingBatch* in) {
  begin(in);
  rules_allowed_ = SLUICE_RULES_MAX;
}

Status PluginCall::finish(StageOutput& out) {
  const auto rows = static_cast<std::uint32_t>(verdicts_.size());
  for (std::uint32_t row = 0; row < rows && violation_.empty(); ++row) check_verdict(row);
  if (!violation_.empty()) {
    Status status = internal_error(violation_);
    abandon();
    return status;
  }
  out.verdicts.reserve(rows);
  for (std::uint32_t row = 0; row < rows; ++row) write_row(row, out);
  // Swapped, not moved: the columns' memory goes round between here and the pipeline.
  std::swap(out.derived, derived_);
  std::swap(out.events, events_);
  std::swap(out.settled, settled_);
  std::swap(out.settled_dropped, settled_dropped_);
  out.settled_passed = static_cast<std::uint32_t>(out.settled.size());
  held_.commit();
  active_ = false;
  return {};
}

void PluginCall::abandon() {
  held_.undo();
  active_ = false;
}

bool PluginCall::check_verdict(std::uint32_t row) {
  const sluice_verdict verdict = verdicts_[row];
  const Note note = notes_[row].note;
  const bool was_held = note != Note::none && note != Note::altered;
  switch (verdict.kind) {
    case SLUICE_VERDICT_PASS:
      if (note == Note::none) return true;
      refuse(row_text(row) + ": verdict pass, but it was altered or held");
      return false;
    case SLUICE_VERDICT_ALTERED:
      if (note == Note::altered) return true;
      refuse(row_text(row) + ": verdict altered, but alter() gave no reading");
      return false;
    case SLUICE_VERDICT_DROP:
      if (note == Note::none && verdict.rule < rules_allowed_) return true;
      refuse(row_text(row) + (note != Note::none
                                  ? ": verdict drop, but it was altered or held"
                                  : ": dropped by rule " + std::to_string(verdict.rule) + " of " +
                                        std::to_string(rule_count_)));
      return false;
    case SLUICE_VERDICT_HOLD:
      if (was_held) return true;
      refuse(row_text(row) + ": verdict hold, but hold() gave no token");
      return false;
    case SLUICE_VERDICT_NONE: refuse(row_text(row) + ": no verdict"); return false;
    default:
      refuse(row_text(row) + ": verdict " + std::to_string(verdict.kind) + " does not exist");
      return false;
  }
}

void PluginCall::write_row(std::uint32_t row, StageOutput& out) const {
  const RowNote& note = notes_[row];
  Verdict verdict = static_cast<Verdict>(verdicts_[row].kind);
  std::uint16_t rule = verdicts_[row].rule;
  if (note.note == Note::dropped_later) {
    verdict = Verdict::drop;
    rule = note.rule;
  } else if (note.note == Note::passed_later) {
    verdict = readings_[note.reading] == in_->at(row) ? Verdict::pass : Verdict::altered;
  }
  out.verdicts.push_back(verdict);
  if (verdict == Verdict::drop) out.drops.push_back({row, rule});
  if (verdict == Verdict::altered) out.altered.append(readings_[note.reading]);
}

sluice_result PluginCall::refuse(const std::string& what) {
  if (violation_.empty()) violation_ = what;
  return SLUICE_REFUSED;
}

bool PluginCall::is_free_row(const char* function, std::uint32_t row) {
  if (row >= notes_.size()) {
    refuse(std::string(function) + ": " + row_text(row) + " of " + std::to_string(notes_.size()));
    return false;
  }
  if (notes_[row].note == Note::none) return true;
  refuse(std::string(function) + ": " + row_text(row) + " was altered or held before");
  return false;
}

bool PluginCall::check_reading(const char* function, const sluice_reading* r) {
  std::string what;
  if (r == nullptr) {
    what = "the reading is NULL";
  } else if (r->struct_size < kReadingBytesMin) {
    what = "struct_size " + std::to_string(r->struct_size) + ", expected at least " +
           std::to_string(kReadingBytesMin);
  } else if (r->kind > SLUICE_KIND_BOOLEAN) {
    what = "value kind " + std::to_string(r->kind) + " does not exist";
  } else if (r->quality > SLUICE_QUALITY_BAD) {
    what = "quality " + std::to_string(r->quality) + " does not exist";
  } else if (r->kind == SLUICE_KIND_F64 && !std::isfinite(std::bit_cast<double>(r->bits))) {
    what = "the value is not finite";
  } else if (r->kind == SLUICE_KIND_BOOLEAN && r->bits > 1) {
    what = "a boolean of " + std::to_string(r->bits) + ", expected 0 or 1";
  } else if (r->event_time_ns < 0 || r->event_time_ns > kEventTimeMaxNs) {
    what = "event time " + std::to_string(r->event_time_ns) + ", expected 0 to " +
           std::to_string(kEventTimeMaxNs);
  } else if (!series_exists(r->series)) {
    what = "series " + std::to_string(r->series) + " does not exist";
  }
  if (what.empty()) return true;
  refuse(std::string(function) + ": " + what);
  return false;
}

bool PluginCall::series_exists(SeriesId series) {
  // Asked again only when the table may have grown: it takes a lock.
  if (series > series_known_) series_known_ = series_.size();
  return series != 0 && series <= series_known_;
}

bool PluginCall::topic_exists(TopicId topic) const {
  return plain_topic(topic) != 0 && plain_topic(topic) <= topic_max_;
}

sluice_result PluginCall::alter(std::uint32_t row, const sluice_reading* reading) {
  if (!is_free_row("alter", row) || !check_reading("alter", reading)) return SLUICE_REFUSED;
  notes_[row] = {Note::altered, 0, static_cast<std::uint32_t>(readings_.size())};
  readings_.push_back(to_reading(*reading, in_->topic[row]));
  return SLUICE_OK;
}

sluice_result PluginCall::derive(const sluice_reading* reading) {
  if (!check_reading("reading", reading)) return SLUICE_REFUSED;
  if (!topic_exists(reading->source)) {
    return refuse("reading: source " + std::to_string(reading->source) + " is of no input");
  }
  if (derived_.size() >= SLUICE_DERIVED_MAX) {
    return refuse("reading: more than " + std::to_string(SLUICE_DERIVED_MAX) + " in one call");
  }
  derived_.append(to_reading(*reading, reading->source));
  return SLUICE_OK;
}

std::uint64_t PluginCall::hold(std::uint32_t row) {
  if (!is_free_row("hold", row)) return 0;
  const std::uint64_t token = held_.hold({in_->topic[row], row});
  if (token != 0) notes_[row].note = Note::held;
  return token;
}

sluice_result PluginCall::settle_pass(std::uint64_t token, const sluice_reading* reading) {
  if (!check_reading("settle_pass", reading)) return SLUICE_REFUSED;
  const auto held = held_.settle(token);
  if (!held) return refuse("settle_pass: token " + std::to_string(token) + " is not held");
  const Reading passed = to_reading(*reading, held->topic);
  if (!held_.is_new(token)) {
    settled_.append(passed);
    return SLUICE_OK;
  }
  notes_[held->row] = {Note::passed_later, 0, static_cast<std::uint32_t>(readings_.size())};
  readings_.push_back(passed);
  return SLUICE_OK;
}

sluice_result PluginCall::settle_drop(std::uint64_t token, std::uint32_t rule) {
  if (rule >= rules_allowed_) {
    return refuse("settle_drop: rule " + std::to_string(rule) + " of " +
                  std::to_string(rule_count_));
  }
  const auto held = held_.settle(token);
  if (!held) return refuse("settle_drop: token " + std::to_string(token) + " is not held");
  if (held_.is_new(token)) {
    notes_[held->row] = {Note::dropped_later, static_cast<std::uint16_t>(rule), 0};
  } else {
    settled_dropped_.push_back(static_cast<std::uint16_t>(rule));
  }
  return SLUICE_OK;
}

sluice_result PluginCall::event(const sluice_event* event) {
  Result<Event> read = read_event(event);
  if (!read.ok()) return refuse("event: " + std::string(read.status().message()));
  if (!series_exists(read->series)) {
    return refuse("event: series " + std::to_string(read->series) + " does not exist");
  }
  if (!topic_exists(read->topic)) {
    return refuse("event: source " + std::to_string(read->topic) + " is of no input");
  }
  if (events_.size() >= SLUICE_EVENTS_MAX) {
    return refuse("event: more than " + std::to_string(SLUICE_EVENTS_MAX) + " in one call");
  }
  events_.push_back(*std::move(read));
  return SLUICE_OK;
}

sluice_result PluginCall::on_alter(const sluice_emit* emit, std::uint32_t row,
                                   const sluice_reading* reading) {
  PluginCall& call = call_of(emit);
  return call.active_ ? call.alter(row, reading) : SLUICE_REFUSED;
}
sluice_result PluginCall::on_reading(const sluice_emit* emit, const sluice_reading* reading) {
  PluginCall& call = call_of(emit);
  return call.active_ ? call.derive(reading) : SLUICE_REFUSED;
}
std::uint64_t PluginCall::on_hold(const sluice_emit* emit, std::uint32_t row) {
  PluginCall& call = call_of(emit);
  return call.active_ ? call.hold(row) : 0;
}
sluice_result PluginCall::on_settle_pass(const sluice_emit* emit, std::uint64_t token,
                                         const sluice_reading* reading) {
  PluginCall& call = call_of(emit);
  return call.active_ ? call.settle_pass(token, reading) : SLUICE_REFUSED;
}
sluice_result PluginCall::on_settle_drop(const sluice_emit* emit, std::uint64_t token,
                                         std::uint32_t rule) {
  PluginCall& call = call_of(emit);
  return call.active_ ? call.settle_drop(token, rule) : SLUICE_REFUSED;
}

sluice_result PluginCall::on_event(const sluice_emit* emit, const sluice_event* event) {
  PluginCall& call = call_of(emit);
  return call.active_ ? call.event(event) : SLUICE_REFUSED;
}

}  // namespace sluice
