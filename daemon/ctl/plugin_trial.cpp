#include "ctl/plugin_trial.h"

#include <algorithm>
#include <utility>

#include "ctl/format.h"
#include "ctl/json_print.h"
#include "ctl/text.h"

namespace sluice::ctl {
namespace {

/// Every reading of a trial is of this one.
constexpr TopicId kTopic = 1;

std::string severity_text(Severity severity) {
  switch (severity) {
    case Severity::info: return "info";
    case Severity::warn: return "warn";
    case Severity::error: return "error";
    case Severity::fatal: return "fatal";
  }
  return "";
}

std::string phase_text(EventPhase phase) {
  constexpr const char* kNames[] = {"moment", "begin", "end"};
  return kNames[static_cast<std::size_t>(phase)];
}

void append_member(std::string& out, const char* key, const std::string& value) {
  out += std::string(out.back() == '{' ? "\"" : ",\"") + key + "\":" + value;
}

std::string quoted(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

}  // namespace

/// One line of the answer.
struct PluginTrial::Line {
  const char* result;  ///< in JSON with _ for blanks
  std::size_t number = 0;
  std::string rule;
  const Reading* reading = nullptr;
  const Reading* was = nullptr;  ///< before it was altered
};

PluginTrial::PluginTrial(const TrialOptions& options, SeriesTable& series, MakeStage make, Put put)
    : options_(options),
      series_(series),
      make_(std::move(make)),
      put_(std::move(put)),
      table_({{"LINE", true}, {"RESULT"}, {"SERIES"}, {"VALUE", true}, {"TIME"}, {"NOTE"}}) {}

Status PluginTrial::run(std::vector<ReadingLine> readings) {
  auto stage = make_();
  if (!stage.ok()) return stage.status();
  stage_ = *std::move(stage);
  if (stage_->ordered()) {
    std::stable_sort(readings.begin(), readings.end(), [](const auto& a, const auto& b) {
      return a.reading.event_time_ns < b.reading.event_time_ns;
    });
  }
  for (std::size_t first = 0; first < readings.size();) {
    const std::size_t count = std::min(options_.batch_size, readings.size() - first);
    process(readings, first, count);
    advance(latest_ns_ - options_.max_out_of_order_ns);
    if (options_.restarts) restart();
    flush();
    first += count;
  }
  if (options_.advance_ns > 0 && latest_ns_ >= 0) advance(latest_ns_ + options_.advance_ns);
  tell_end();
  return {};
}

void PluginTrial::process(const std::vector<ReadingLine>& readings, std::size_t first,
                          std::size_t count) {
  ReadingBatch in;
  for (std::size_t i = first; i < first + count; ++i) {
    Reading reading = readings[i].reading;
    reading.topic = kTopic;
    reading.series = series_.intern(readings[i].series);
    latest_ns_ = std::max(latest_ns_, reading.event_time_ns);
    in.append(reading);
  }
  readings_ += count;
  out_.clear();
  if (const Status status = stage_->process(in, out_); !status.ok()) {
    tell_failure(std::string(status.message()));
    passed_by_ += count;
    for (std::size_t i = 0; i < count; ++i) {
      const Reading reading = in.at(i);
      tell({"passed by", readings[first + i].line, "", &reading, nullptr});
    }
    return;
  }
  tell_settled();
  tell_rows(in, readings, first);
  tell_rest();
}

void PluginTrial::tell_rows(const ReadingBatch& in, const std::vector<ReadingLine>& readings,
                            std::size_t first) {
  std::size_t drops = 0;
  std::size_t altered = 0;
  for (std::size_t i = 0; i < in.size(); ++i) {
    const Verdict verdict = out_.verdicts[i];
    ++verdicts_[static_cast<std::size_t>(verdict)];
    const Reading was = in.at(i);
    Line line{"pass", readings[first + i].line, "", &was, nullptr};
    Reading now;
    if (verdict == Verdict::altered) {
      now = out_.altered.at(altered++);
      line.result = "altered";
      line.reading = &now;
      line.was = &was;
    } else if (verdict == Verdict::drop) {
      line.result = "drop";
      line.rule = stage_->rules()[out_.drops[drops++].rule];
    } else if (verdict == Verdict::hold) {
      line.result = "hold";
    }
    tell(line);
  }
}

void PluginTrial::tell_settled() {
  settled_passed_ += out_.settled.size();
  for (std::size_t i = 0; i < out_.settled.size(); ++i) {
    const Reading reading = out_.settled.at(i);
    tell({"settled", 0, "", &reading, nullptr});
  }
}

void PluginTrial::tell_rest() {
  settled_dropped_ += out_.settled_dropped.size();
  derived_ += out_.derived.size();
  events_ += out_.events.size();
  for (const std::uint16_t rule : out_.settled_dropped) {
    tell({"settled drop", 0, stage_->rules()[rule], nullptr, nullptr});
  }
  for (std::size_t i = 0; i < out_.derived.size(); ++i) {
    const Reading reading = out_.derived.at(i);
    tell({"derived", 0, "", &reading, nullptr});
  }
  for (const Event& event : out_.events) tell_event(event);
}

void PluginTrial::advance(std::int64_t watermark_ns) {
  watermark_ns = std::min(watermark_ns, kEventTimeMaxNs);
  if (watermark_ns <= watermark_ns_) return;
  watermark_ns_ = watermark_ns;
  out_.clear();
  if (const Status status = stage_->on_time(watermark_ns, out_); !status.ok()) {
    return tell_failure(std::string(status.message()));
  }
  tell_settled();
  tell_rest();
}

void PluginTrial::restart() {
  const auto snapshot = stage_->snapshot();
  if (!snapshot.ok()) return tell_failure(std::string(snapshot.status().message()));
  auto next = make_();
  if (!next.ok()) return tell_failure(std::string(next.status().message()));
  if (const Status status = (*next)->restore(*snapshot); !status.ok()) {
    return tell_failure(std::string(status.message()));
  }
  const auto again = (*next)->snapshot();
  if (again.ok() && *again != *snapshot) {
    tell_failure("stage " + stage_->name() + ": a restored instance has another snapshot");
  }
  stage_ = *std::move(next);
}

void PluginTrial::tell(const Line& line) {
  if (!options_.json) {
    std::string note;
    if (line.reading != nullptr && line.reading->quality != Quality::good) {
      note = quality_text(line.reading->quality);
    }
    if (line.was != nullptr)
      note += (note.empty() ? "was " : ", was ") + exact_text(line.was->value);
    std::string result = line.result;
    if (!line.rule.empty()) result += " " + line.rule;
    const bool has = line.reading != nullptr;
    return table_.add_row({line.number > 0 ? std::to_string(line.number) : "", result,
                           has ? series_text(series_.at(line.reading->series)) : "",
                           has ? exact_text(line.reading->value) : "",
                           has ? utc_text(line.reading->event_time_ns) : "", note});
  }
  std::string out = "{";
  std::string result = line.result;
  std::replace(result.begin(), result.end(), ' ', '_');
  if (line.number > 0) append_member(out, "line", std::to_string(line.number));
  append_member(out, "result", quoted(result));
  if (!line.rule.empty()) append_member(out, "rule", quoted(line.rule));
  for (const auto& [key, reading] : {std::pair("reading", line.reading), {"was", line.was}}) {
    if (reading == nullptr) continue;
    append_member(out, key, reading_json(series_.at(reading->series), *reading));
  }
  put_(out + "}\n");
}

void PluginTrial::tell_event(const Event& event) {
  std::string context;
  std::string attributes = "{";
  for (const auto& [key, value] : event.attributes) {
    context += (context.empty() ? " (" : ", ") + key + "=" + value;
    append_member(attributes, key.c_str(), quoted(value));
  }
  const Series series = series_.at(event.series);
  if (!options_.json) {
    const std::string note = severity_text(event.severity) + " " + phase_text(event.phase) + " " +
                             event.name + ": " + event.message + context +
                             (context.empty() ? "" : ")");
    return table_.add_row(
        {"", "event", series_text(series), "", utc_text(event.event_time_ns), note});
  }
  std::string out = "{";
  append_member(out, "severity", quoted(severity_text(event.severity)));
  append_member(out, "phase", quoted(phase_text(event.phase)));
  append_member(out, "name", quoted(event.name));
  append_member(out, "message", quoted(event.message));
  append_member(out, "attributes", attributes + "}");
  append_member(out, "series", series_json(series));
  append_member(out, "time", std::to_string(event.event_time_ns));
  put_("{\"result\":\"event\",\"event\":" + out + "}}\n");
}

void PluginTrial::tell_failure(const std::string& message) {
  ++failures_;
  if (options_.json) return put_("{\"result\":\"failed\",\"message\":" + quoted(message) + "}\n");
  table_.add_row({"", "FAILED", "", "", "", message});
}

void PluginTrial::flush() {
  if (!options_.json && !table_.empty()) put_(table_.take());
}

void PluginTrial::tell_end() {
  flush();
  const std::uint64_t held = verdicts_[3] - settled_passed_ - settled_dropped_;
  const std::pair<const char*, std::uint64_t> kCounts[] = {{"readings", readings_},
                                                           {"pass", verdicts_[0]},
                                                           {"altered", verdicts_[1]},
                                                           {"drop", verdicts_[2]},
                                                           {"hold", verdicts_[3]},
                                                           {"settled", settled_passed_},
                                                           {"settled_drop", settled_dropped_},
                                                           {"still_held", held},
                                                           {"derived", derived_},
                                                           {"events", events_},
                                                           {"passed_by", passed_by_},
                                                           {"failed", failures_}};
  std::string json = "{";
  append_member(json, "result", quoted("end"));
  std::string text;
  for (const auto& [name, count] : kCounts) {
    append_member(json, name, std::to_string(count));
    std::string shown = name;
    std::replace(shown.begin(), shown.end(), '_', ' ');
    const bool is_first = text.empty();
    if (is_first || count > 0) text += (is_first ? "" : ", ") + shown + " " + grouped(count);
  }
  put_(options_.json ? json + "}\n" : "\n" + text + "\n");
}

}  // namespace sluice::ctl
