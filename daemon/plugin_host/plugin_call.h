#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/ports.h"
#include "model/series.h"
#include "plugin_host/held_readings.h"
#include "sluice_plugin.h"

namespace sluice {

/// Takes down what a plugin says during one call and holds it to the contract. The first broken
/// promise spoils the call: nothing of it reaches the pipeline. One per instance, reused, at a
/// fixed address; outside a call it refuses everything, so a plugin that kept the pointer does no
/// harm. [pipeline]
class PluginCall {
 public:
  PluginCall(const SeriesTable& series, HeldReadings& held, std::uint32_t rule_count);
  PluginCall(const PluginCall&) = delete;
  PluginCall& operator=(const PluginCall&) = delete;

  /// `in` is null for a call without rows; borrowed until the call has ended.
  void begin(const ReadingBatch* in);
  /// As begin(), for what was said once before, perhaps by a version with more rules than this.
  void begin_again(const ReadingBatch* in);
  const sluice_emit* emit() const { return &emit_; }
  sluice_verdict* verdicts() { return verdicts_.data(); }
  /// Ends the call and writes what it said to `out`; a reading held and settled in this very call
  /// shows there as passed, altered or dropped. `internal` names the first broken promise.
  Status finish(StageOutput& out);
  /// The first broken promise so far; "" when there is none.
  const std::string& violation() const { return violation_; }
  /// Ends the call as if it had not been made.
  void abandon();

  /// The largest topic id among all inputs so far: topics up to it exist.
  TopicId topic_max() const { return topic_max_; }
  void set_topic_max(TopicId topic) { topic_max_ = topic; }

 private:
  enum class Note : std::uint8_t { none, altered, held, passed_later, dropped_later };
  /// What was said about a row beside its verdict.
  struct RowNote {
    Note note = Note::none;
    std::uint16_t rule = 0;
    std::uint32_t reading = 0;  ///< index into `readings_`
  };

  static sluice_result on_alter(const sluice_emit*, std::uint32_t, const sluice_reading*);
  static sluice_result on_reading(const sluice_emit*, const sluice_reading*);
  static std::uint64_t on_hold(const sluice_emit*, std::uint32_t);
  static sluice_result on_settle_pass(const sluice_emit*, std::uint64_t, const sluice_reading*);
  static sluice_result on_settle_drop(const sluice_emit*, std::uint64_t, std::uint32_t);
  static sluice_result on_event(const sluice_emit*, const sluice_event*);

  sluice_result alter(std::uint32_t row, const sluice_reading* reading);
  sluice_result derive(const sluice_reading* reading);
  std::uint64_t hold(std::uint32_t row);
  sluice_result settle_pass(std::uint64_t token, const sluice_reading* reading);
  sluice_result settle_drop(std::uint64_t token, std::uint32_t rule);
  sluice_result event(const sluice_event* event);

  sluice_result refuse(const std::string& what);
  bool is_free_row(const char* function, std::uint32_t row);
  bool check_reading(const char* function, const sluice_reading* reading);
  bool series_exists(SeriesId series);
  bool topic_exists(TopicId topic) const;
  bool check_verdict(std::uint32_t row);
  void write_row(std::uint32_t row, StageOutput& out) const;

  const SeriesTable& series_;
  HeldReadings& held_;
  const std::uint32_t rule_count_;
  std::uint32_t rules_allowed_;
  std::size_t series_known_ = 0;
  TopicId topic_max_ = 0;

  bool active_ = false;
  const ReadingBatch* in_ = nullptr;
  std::string violation_;
  std::vector<sluice_verdict> verdicts_;
  std::vector<RowNote> notes_;
  std::vector<Reading> readings_;  ///< new readings of rows
  ReadingBatch derived_;
  std::vector<Event> events_;
  ReadingBatch settled_;
  std::vector<std::uint16_t> settled_dropped_;
  sluice_emit emit_;
};

}  // namespace sluice
