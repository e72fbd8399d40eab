#pragma once

#include <algorithm>
#include <cmath>
#include <exception>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "sluice_plugin.hpp"
#include "testing/library.hpp"

namespace sluice::sdk::test {

using Words = std::vector<std::string>;

/// What an event said.
struct ToldEvent {
  std::uint32_t series = 0;
  std::uint32_t source = 0;
  std::int64_t event_time_ns = 0;
  std::uint8_t severity = 0;
  std::uint8_t phase = 0;
  std::string name;
  std::string message;
  std::map<std::string, std::string> attributes;
};

/// What one call answered.
struct Answer {
  /// One per row: pass, altered, hold or drop:RULE. A row held and settled in the same call shows
  /// what it was settled to.
  Words words;
  std::vector<Reading> rows;     ///< what goes on of the rows, in their order
  std::vector<Reading> settled;  ///< held by an earlier call, and let go on now
  Words settled_dropped;         ///< rules by which readings held by earlier calls were dropped
  std::vector<Reading> derived;
  std::vector<ToldEvent> events;

  /// Of all that goes on behind the plugin: settled, then rows, then derived.
  std::vector<double> values() const {
    std::vector<double> out;
    for (const auto* part : {&settled, &rows, &derived}) {
      for (const Reading& reading : *part) out.push_back(reading.value());
    }
    return out;
  }
};

/// UTF-8 of at most `bytes_max` bytes.
inline bool is_text(const char* text, std::size_t bytes_max) {
  return text != nullptr && strnlen(text, bytes_max + 1) <= bytes_max && is_utf8(text);
}

/// Takes down what a plugin says in one call, and holds it to the contract as the daemon does.
/// Knows what is held from one call to the next.
class Recorder {
 public:
  explicit Recorder(const sluice_plugin_descriptor& plugin)
      : plugin_(plugin), emit_{sizeof(sluice_emit), this,           on_alter, on_reading, on_hold,
                               on_settle_pass,      on_settle_drop, on_event} {}
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  /// Series 1 to `count` exist, and sources 1 to `largest`.
  void know_series(std::size_t count) { series_count_ = count; }
  void know_source(std::uint32_t largest) { sources_ = std::max(sources_, largest); }
  bool in_call() const { return in_call_; }
  std::size_t held_count() const { return held_.size(); }

  /// One call with these rows: `function(verdicts, emit)` is the plugin's. Throws BrokenPromise,
  /// with the last line of the plugin's `log` when it only says that it failed; nothing of the call
  /// stays then.
  template <typename Function>
  Answer run(const char* name, const std::vector<Reading>& rows, const Words& log,
             Function function) {
    begin(rows);
    std::string outcome;
    try {
      const sluice_result result = function(verdicts_.data(), &emit_);
      if (result != SLUICE_OK) outcome = "answered " + std::to_string(result);
    } catch (const std::exception& e) {
      outcome = std::string("threw across the C border: ") + e.what();
    } catch (...) {
      outcome = "threw across the C border";
    }
    in_call_ = false;
    if (!outcome.empty()) {
      break_promise(outcome + (log.empty() ? "" : "; its last line of log: " + log.back()));
    }
    for (std::uint32_t row = 0; row < rows.size() && broken_.empty(); ++row) finish_row(row);
    if (broken_.empty()) return std::move(answer_);
    held_ = held_before_;  // as the daemon: held before, held still
    throw BrokenPromise(std::string(name) + ": " + broken_);
  }

 private:
  /// What was said about a row beside its verdict.
  struct Row {
    enum class Note { none, altered, held, passed, dropped } note = Note::none;
    Reading reading;
    std::uint32_t rule = 0;
  };
  struct Held {
    std::uint32_t row = 0;
    std::uint64_t call = 0;
    std::uint32_t source = 0;
  };

  void begin(const std::vector<Reading>& rows) {
    ++call_;
    in_call_ = true;
    broken_.clear();
    answer_ = {};
    in_ = rows;
    verdicts_.assign(rows.size(), {SLUICE_VERDICT_NONE, 0, 0});
    rows_.assign(rows.size(), {});
    for (std::size_t i = 0; i < rows.size(); ++i) rows_[i].reading = rows[i];
    held_before_ = held_;
  }

  void finish_row(std::uint32_t row) {
    const sluice_verdict verdict = verdicts_[row];
    const Row& said = rows_[row];
    const std::string at = "row " + std::to_string(row) + ": ";
    const bool was_held = said.note != Row::Note::none && said.note != Row::Note::altered;
    switch (verdict.kind) {
      case SLUICE_VERDICT_PASS:
        if (said.note != Row::Note::none) break_promise(at + "verdict pass, but altered or held");
        return go_on(said.reading, "pass");
      case SLUICE_VERDICT_ALTERED:
        if (said.note != Row::Note::altered) break_promise(at + "verdict altered without alter()");
        return go_on(said.reading, "altered");
      case SLUICE_VERDICT_DROP:
        if (said.note != Row::Note::none) break_promise(at + "verdict drop, but altered or held");
        return drop_row(verdict.rule, at);
      case SLUICE_VERDICT_HOLD:
        if (!was_held) break_promise(at + "verdict hold without a token of hold()");
        if (said.note == Row::Note::passed) {
          return go_on(said.reading, is_same(said.reading, in_[row]) ? "pass" : "altered");
        }
        if (said.note == Row::Note::dropped) return drop_row(said.rule, at);
        return answer_.words.push_back("hold");
      case SLUICE_VERDICT_NONE: return (void)break_promise(at + "no verdict");
      default: break_promise(at + "there is no verdict " + std::to_string(verdict.kind));
    }
  }
  static bool is_same(const Reading& a, const Reading& b) {
    return a.series == b.series && a.source == b.source && a.kind == b.kind &&
           a.quality == b.quality && a.event_time_ns == b.event_time_ns && a.bits == b.bits;
  }
  void go_on(const Reading& reading, const char* word) {
    answer_.words.push_back(word);
    answer_.rows.push_back(reading);
  }
  void drop_row(std::uint32_t rule, const std::string& at) {
    if (rule < plugin_.rule_count) return answer_.words.push_back(drop_word(rule));
    break_promise(at + "dropped by a rule that does not exist");
  }
  std::string drop_word(std::uint32_t rule) const {
    return std::string("drop:") + plugin_.rules[rule];
  }

  // --- what it says in a call ---

  sluice_result break_promise(const std::string& what) {
    if (broken_.empty()) broken_ = what;
    return SLUICE_REFUSED;
  }
  bool is_series(std::uint32_t id) const { return id != 0 && id <= series_count_; }
  static bool is_time(std::int64_t ns) { return ns >= 0 && ns <= 9191749636854775807; }

  bool is_good(const char* function, const sluice_reading* r) {
    const std::string at = std::string(function) + ": ";
    if (r == nullptr || r->struct_size < offsetof(sluice_reading, bits) + sizeof r->bits) {
      return break_promise(at + "no reading, or its struct_size is too small"), false;
    }
    if (r->kind > SLUICE_KIND_BOOLEAN || r->quality > SLUICE_QUALITY_BAD) {
      return break_promise(at + "a kind or a quality that does not exist"), false;
    }
    if (r->kind == SLUICE_KIND_F64 && !std::isfinite(std::bit_cast<double>(r->bits))) {
      return break_promise(at + "a value that is not finite"), false;
    }
    if (r->kind == SLUICE_KIND_BOOLEAN && r->bits > 1) {
      return break_promise(at + "a boolean other than 0 and 1"), false;
    }
    if (!is_time(r->event_time_ns)) return break_promise(at + "an impossible event time"), false;
    if (!is_series(r->series)) {
      return break_promise(at + "series " + std::to_string(r->series) + " does not exist"), false;
    }
    return true;
  }
  bool is_source(std::uint32_t source) const { return source != 0 && source <= sources_; }
  bool is_free(const char* function, std::uint32_t row) {
    if (row < rows_.size() && rows_[row].note == Row::Note::none) return true;
    break_promise(std::string(function) + ": row " + std::to_string(row) +
                  " does not exist, or was altered or held before");
    return false;
  }
  static Reading to_reading(const sluice_reading& from, std::uint32_t source) {
    Reading out;
    static_cast<sluice_reading&>(out) = from;
    out.struct_size = sizeof(sluice_reading);
    out.source = source;
    return out;
  }

  sluice_result alter(std::uint32_t row, const sluice_reading* reading) {
    if (!is_free("alter", row) || !is_good("alter", reading)) return SLUICE_REFUSED;
    rows_[row] = {Row::Note::altered, to_reading(*reading, rows_[row].reading.source), 0};
    return SLUICE_OK;
  }
  sluice_result derive(const sluice_reading* reading) {
    if (!is_good("reading", reading)) return SLUICE_REFUSED;
    if (!is_source(reading->source)) return break_promise("reading: a source of no input");
    if (answer_.derived.size() >= SLUICE_DERIVED_MAX) return break_promise("reading: too many");
    answer_.derived.push_back(to_reading(*reading, reading->source));
    return SLUICE_OK;
  }
  std::uint64_t hold(std::uint32_t row) {
    if (!is_free("hold", row)) return 0;
    const bool may = (plugin_.flags & SLUICE_FLAG_DETERMINISTIC) != 0;
    if (!may || held_.size() >= SLUICE_HELD_MAX) return 0;
    rows_[row].note = Row::Note::held;
    held_[++last_token_] = {row, call_, rows_[row].reading.source};
    return last_token_;
  }
  sluice_result settle_pass(std::uint64_t token, const sluice_reading* reading) {
    if (!is_good("settle_pass", reading)) return SLUICE_REFUSED;
    const auto held = held_.find(token);
    if (held == held_.end()) return break_promise("settle_pass: a token that is not held");
    const Reading passed = to_reading(*reading, held->second.source);
    if (held->second.call == call_) {
      rows_[held->second.row] = {Row::Note::passed, passed, 0};
    } else {
      answer_.settled.push_back(passed);
    }
    held_.erase(held);
    return SLUICE_OK;
  }
  sluice_result settle_drop(std::uint64_t token, std::uint32_t rule) {
    if (rule >= plugin_.rule_count) return break_promise("settle_drop: no such rule");
    const auto held = held_.find(token);
    if (held == held_.end()) return break_promise("settle_drop: a token that is not held");
    if (held->second.call == call_) {
      rows_[held->second.row].note = Row::Note::dropped;
      rows_[held->second.row].rule = rule;
    } else {
      answer_.settled_dropped.push_back(plugin_.rules[rule]);
    }
    held_.erase(held);
    return SLUICE_OK;
  }
  sluice_result tell(const sluice_event* e) {
    const std::size_t size_min = offsetof(sluice_event, attributes) + sizeof(void*);
    if (e == nullptr || e->struct_size < size_min) {
      return break_promise("event: none, or its struct_size is too small");
    }
    if (e->severity != 9 && e->severity != 13 && e->severity != 17 && e->severity != 21) {
      return break_promise("event: a severity other than 9, 13, 17 and 21");
    }
    if (e->phase > SLUICE_PHASE_END || !is_time(e->event_time_ns)) {
      return break_promise("event: a phase that does not exist, or an impossible time");
    }
    if (!Library::is_word(e->name)) return break_promise("event: the name is no word of a-z 0-9 _");
    if (!is_text(e->message, SLUICE_MESSAGE_BYTES_MAX) || *e->message == '\0') {
      return break_promise("event: the message is not 1..512 bytes of UTF-8");
    }
    if (!is_series(e->series) || !is_source(e->source)) {
      return break_promise("event: a series that does not exist, or a source of no input");
    }
    if (answer_.events.size() >= SLUICE_EVENTS_MAX) return break_promise("event: too many");
    ToldEvent told{e->series, e->source, e->event_time_ns, e->severity,
                   e->phase,  e->name,   e->message,       {}};
    if (e->attribute_count > SLUICE_ATTRIBUTES_MAX) return break_promise("event: attributes");
    for (std::size_t i = 0; i < e->attribute_count; ++i) {
      const sluice_attribute& a = e->attributes[i];
      if (!Library::is_word(a.key) || !is_text(a.value, SLUICE_ATTRIBUTE_BYTES_MAX) ||
          !told.attributes.emplace(a.key, a.value).second) {
        return break_promise("event: an attribute that is malformed or there twice");
      }
    }
    answer_.events.push_back(std::move(told));
    return SLUICE_OK;
  }

  // --- the C functions ---

  static Recorder& of(const sluice_emit* emit) { return *static_cast<Recorder*>(emit->ctx); }
  static sluice_result on_alter(const sluice_emit* emit, std::uint32_t row,
                                const sluice_reading* reading) {
    return of(emit).in_call_ ? of(emit).alter(row, reading) : SLUICE_REFUSED;
  }
  static sluice_result on_reading(const sluice_emit* emit, const sluice_reading* reading) {
    return of(emit).in_call_ ? of(emit).derive(reading) : SLUICE_REFUSED;
  }
  static std::uint64_t on_hold(const sluice_emit* emit, std::uint32_t row) {
    return of(emit).in_call_ ? of(emit).hold(row) : 0;
  }
  static sluice_result on_settle_pass(const sluice_emit* emit, std::uint64_t token,
                                      const sluice_reading* reading) {
    return of(emit).in_call_ ? of(emit).settle_pass(token, reading) : SLUICE_REFUSED;
  }
  static sluice_result on_settle_drop(const sluice_emit* emit, std::uint64_t token,
                                      std::uint32_t rule) {
    return of(emit).in_call_ ? of(emit).settle_drop(token, rule) : SLUICE_REFUSED;
  }
  static sluice_result on_event(const sluice_emit* emit, const sluice_event* event) {
    return of(emit).in_call_ ? of(emit).tell(event) : SLUICE_REFUSED;
  }

  const sluice_plugin_descriptor& plugin_;
  const sluice_emit emit_;
  std::size_t series_count_ = 0;
  std::uint32_t sources_ = 0;
  std::map<std::uint64_t, Held> held_;         ///< by token
  std::map<std::uint64_t, Held> held_before_;  ///< before the call
  std::uint64_t last_token_ = 0;

  std::uint64_t call_ = 0;
  bool in_call_ = false;
  std::string broken_;
  std::vector<Reading> in_;
  std::vector<sluice_verdict> verdicts_;
  std::vector<Row> rows_;
  Answer answer_;
};

}  // namespace sluice::sdk::test
