#pragma once

#include <dlfcn.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <deque>
#include <initializer_list>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "json_members.hpp"
#include "sluice_plugin.hpp"

/// The daemon's side of the contract, for a plugin's own tests; for plugins in C as in C++, with
/// any test framework or none:
///
///   Bench bench("./jump.so", R"({"max_step": 5})");
///   const auto room = bench.series("temperature", "Cel", {{"room", "a"}});
///   const Answer answer = bench.process({bench.reading(room, 1, 20), bench.reading(room, 2, 30)});
///   SLUICE_EXPECT(answer.words == Words({"pass", "drop:too_far"}));
///   return sluice::sdk::test::failures();
///
/// Loads the real .so, fills the schema's defaults into the config, and holds every answer to the
/// contract as the daemon does: a broken promise throws. Types and bounds of the config are not
/// checked; `sluicectl plugins test` does it. One thread.
namespace sluice::sdk::test {

using Words = std::vector<std::string>;
using Labels = std::map<std::string, std::string>;

/// The plugin broke the contract, or a call of it failed: the text says how.
class BrokenPromise final : public std::runtime_error {
  using std::runtime_error::runtime_error;
};
/// create() refused the config: the text is what the operator would see.
class BadConfig final : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

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

/// A plugin file, loaded as the daemon loads it.
class Library {
 public:
  explicit Library(const std::string& path) {
    // dlopen() searches the system's folders for a name without a slash.
    const bool is_bare = path.find('/') == std::string::npos;
    handle_.reset(dlopen((is_bare ? "./" + path : path).c_str(), RTLD_NOW | RTLD_LOCAL));
    if (handle_ == nullptr) throw BrokenPromise(std::string("cannot be loaded: ") + dlerror());
    const auto entry =
        reinterpret_cast<sluice_plugin_entry_function>(dlsym(handle_.get(), SLUICE_PLUGIN_ENTRY));
    require(entry != nullptr, "exports no " SLUICE_PLUGIN_ENTRY);
    descriptor_ = entry();
    require(descriptor_ != nullptr, SLUICE_PLUGIN_ENTRY " returned NULL");
    check_descriptor();
    const std::string file = path.substr(path.find_last_of('/') + 1);
    require(file == std::string(descriptor_->name) + ".so", "the file is not called NAME.so");
    try {
      check_keywords(descriptor_->config_schema);
    } catch (const std::invalid_argument& e) {
      throw BrokenPromise(std::string("config_schema: ") + e.what());
    }
  }
  const sluice_plugin_descriptor& descriptor() const { return *descriptor_; }

 private:
  static void require(bool kept, const std::string& what) {
    if (!kept) throw BrokenPromise(what);
  }
  static bool is_text(const char* text, std::size_t bytes_max) {
    return text != nullptr && *text != '\0' && strnlen(text, bytes_max + 1) <= bytes_max;
  }
  void check_descriptor() const {
    const sluice_plugin_descriptor& d = *descriptor_;
    require(d.abi == SLUICE_PLUGIN_ABI, "built for another SLUICE_PLUGIN_ABI");
    require(d.struct_size >= offsetof(sluice_plugin_descriptor, get_extension) + sizeof(void*),
            "the descriptor's struct_size is smaller than version 1");
    require(is_text(d.name, SLUICE_NAME_BYTES_MAX), "no name of 1..64 bytes");
    require(is_text(d.version, SLUICE_NAME_BYTES_MAX), "no version of 1..64 bytes");
    require(is_text(d.description, 1024), "no description of 1..1024 bytes");
    require(is_text(d.config_schema, SLUICE_SCHEMA_BYTES_MAX), "no config_schema");
    require(d.rule_count <= SLUICE_RULES_MAX && (d.rule_count == 0 || d.rules != nullptr),
            "more than 64 rules, or no list of them");
    for (std::uint32_t i = 0; i < d.rule_count; ++i) {
      require(is_word(d.rules[i]), "rule " + std::to_string(i) + " has no name of a-z 0-9 _");
      for (std::uint32_t j = 0; j < i; ++j) {
        require(std::string_view(d.rules[i]) != d.rules[j], "two rules have one name");
      }
    }
    require(d.create != nullptr && d.destroy != nullptr && d.process != nullptr,
            "create, destroy or process is NULL");
    require((d.snapshot == nullptr) == (d.restore == nullptr),
            "only one of snapshot and restore is there");
  }

 public:
  /// [a-z0-9_]{1,64}
  static bool is_word(const char* text) {
    if (!is_text(text, SLUICE_NAME_BYTES_MAX)) return false;
    return std::string_view(text).find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") ==
           std::string_view::npos;
  }

 private:
  struct Close {
    void operator()(void* handle) const { dlclose(handle); }
  };
  std::unique_ptr<void, Close> handle_;
  const sluice_plugin_descriptor* descriptor_ = nullptr;
};

/// One instance of a plugin, and the daemon around it.
class Bench {
 public:
  /// `config_json` is an object. Throws BadConfig, and BrokenPromise as every function below.
  explicit Bench(const std::string& path, const std::string& config_json = "{}")
      : library_(path),
        plugin_(library_.descriptor()),
        config_(with_defaults(plugin_.config_schema, config_json)),
        host_{sizeof(sluice_host), this,   on_measurement,  on_unit, on_label,
              on_derive_series,    on_log, on_get_extension},
        emit_{sizeof(sluice_emit), this,           on_alter, on_reading, on_hold,
              on_settle_pass,      on_settle_drop, on_event} {
    self_ = create();
  }
  ~Bench() { destroy(); }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  /// The id of a series, new if need be.
  std::uint32_t series(const std::string& measurement, const std::string& unit = "",
                       const Labels& labels = {}) {
    const Series wanted{measurement, unit, labels};
    const auto known = std::find(series_.begin(), series_.end(), wanted);
    if (known == series_.end()) series_.push_back(wanted);
    return static_cast<std::uint32_t>(known - series_.begin() + 1);
  }
  /// `measurement unit` of an id: of a derived reading, for example.
  std::string series_text(std::uint32_t id) const {
    const Series* of = find(id);
    return of == nullptr      ? ""
           : of->unit.empty() ? of->measurement
                              : of->measurement + " " + of->unit;
  }
  /// A reading to give to process(), `seconds` after 1970.
  static Reading reading(std::uint32_t series, double seconds, double value,
                         std::uint32_t source = 1) {
    Reading out;
    out.series = series;
    out.source = source;
    out.event_time_ns = std::llround(seconds * 1e9);
    out.set_value(value);
    return out;
  }

  /// One batch of at least one reading.
  Answer process(const std::vector<Reading>& rows) {
    Columns in(rows);
    check_input(rows);
    begin(rows);
    verdicts_.assign(rows.size(), {SLUICE_VERDICT_NONE, 0, 0});
    const sluice_batch batch = in.batch();
    run("process", [&] { return plugin_.process(self_, &batch, verdicts_.data(), &emit_); });
    for (std::uint32_t row = 0; row < rows.size(); ++row) finish_row(row);
    return end("process");
  }
  /// Time has passed: nothing before it is expected any more.
  Answer on_time(double seconds) {
    begin({});
    if (plugin_.on_time != nullptr) {
      const std::int64_t watermark_ns = std::llround(seconds * 1e9);
      run("on_time", [&] { return plugin_.on_time(self_, watermark_ns, &emit_); });
    }
    return end("on_time");
  }
  /// All state; the same twice in a row, as writing it changes nothing.
  std::string snapshot() {
    const std::string state = write_snapshot();
    if (write_snapshot() != state) throw BrokenPromise("snapshot: two in a row differ");
    return state;
  }
  /// As after a restart of the daemon: a new instance takes over the snapshot, and so all that is
  /// held. Its own snapshot is the same again.
  void restart() {
    const std::string state = snapshot();
    destroy();
    self_ = create();
    if (plugin_.restore == nullptr) return;
    if (const std::string why = restore(state, plugin_.version); !why.empty()) {
      throw BrokenPromise("restore refuses what snapshot wrote: " + why);
    }
    if (snapshot() != state) throw BrokenPromise("a restored instance has another snapshot");
  }
  /// A new instance is given these bytes. "" when it takes them, else why not; it is then gone, and
  /// another one without state in its place.
  std::string restore_fresh(const std::string& state, const std::string& version) {
    if (plugin_.restore == nullptr) return "restore is NULL";
    destroy();
    self_ = create();
    const std::string why = restore(state, version);
    if (why.empty()) return why;
    destroy();
    self_ = create();
    return why;
  }

  /// Readings held and not settled.
  std::size_t held_count() const { return held_.size(); }
  bool ordered() const {
    return plugin_.ordered != nullptr ? plugin_.ordered(self_) != 0
                                      : (plugin_.flags & SLUICE_FLAG_ORDERED) != 0;
  }
  const Words& log() const { return log_; }
  const sluice_plugin_descriptor& descriptor() const { return plugin_; }

 private:
  struct Series {
    std::string measurement;
    std::string unit;
    Labels labels;
    friend bool operator==(const Series&, const Series&) = default;
  };
  struct Columns {
    explicit Columns(const std::vector<Reading>& rows) {
      for (const Reading& r : rows) {
        series.push_back(r.series);
        source.push_back(r.source);
        time.push_back(r.event_time_ns);
        kind.push_back(r.kind);
        quality.push_back(r.quality);
        bits.push_back(r.bits);
      }
    }
    sluice_batch batch() const {
      return {sizeof(sluice_batch), static_cast<std::uint32_t>(series.size()),
              series.data(),        source.data(),
              time.data(),          kind.data(),
              quality.data(),       bits.data()};
    }
    std::vector<std::uint32_t> series, source;
    std::vector<std::int64_t> time;
    std::vector<std::uint8_t> kind, quality;
    std::vector<std::uint64_t> bits;
  };
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

  // --- the instance ---

  void* create() {
    char why[1024] = "";
    void* self = nullptr;
    const sluice_result result = plugin_.create(&host_, config_.c_str(), &self, why, sizeof why);
    why[sizeof why - 1] = '\0';
    if (result == SLUICE_BAD_CONFIG) throw BadConfig(why);
    if (result != SLUICE_OK) throw BrokenPromise("create: " + result_text(result) + ": " + why);
    return self;
  }
  void destroy() {
    if (self_ != nullptr) plugin_.destroy(std::exchange(self_, nullptr));
  }
  std::string restore(const std::string& state, const std::string& version) {
    char why[1024] = "";
    const sluice_result result =
        plugin_.restore(self_, state.data(), state.size(), version.c_str(), why, sizeof why);
    why[sizeof why - 1] = '\0';
    if (result == SLUICE_OK) return "";
    if (result != SLUICE_BAD_STATE) throw BrokenPromise("restore: " + result_text(result));
    return *why == '\0' ? "no reason given" : why;
  }
  std::string write_snapshot() {
    std::string state;
    if (plugin_.snapshot == nullptr) return state;
    const sluice_writer writer{sizeof(sluice_writer), &state, on_write};
    const sluice_result result = plugin_.snapshot(self_, &writer);
    if (result != SLUICE_OK) throw BrokenPromise("snapshot: " + result_text(result));
    return state;
  }
  static std::string result_text(sluice_result result) {
    return "answered " + std::to_string(result);
  }

  // --- a call ---

  /// The test's own mistakes.
  void check_input(const std::vector<Reading>& rows) {
    if (rows.empty()) throw std::invalid_argument("a batch has at least one reading");
    const bool sorted = ordered();
    for (const Reading& r : rows) {
      if (find(r.series) == nullptr || r.source == 0) {
        throw std::invalid_argument("a reading of no series or no source");
      }
      sources_ = std::max(sources_, r.source);
      std::int64_t& last = last_time_ns_.try_emplace(r.source, r.event_time_ns).first->second;
      if (sorted && r.event_time_ns < last) {
        throw std::invalid_argument("an ordered plugin gets each source in order of event time");
      }
      last = r.event_time_ns;
    }
  }
  void begin(const std::vector<Reading>& rows) {
    ++call_;
    in_call_ = true;
    broken_.clear();
    answer_ = {};
    verdicts_.clear();
    rows_.assign(rows.size(), {});
    for (std::size_t i = 0; i < rows.size(); ++i) rows_[i].reading = rows[i];
    in_ = rows;
    held_before_ = held_;
  }
  template <typename Function>
  void run(const char* name, Function function) {
    std::string outcome;
    try {
      const sluice_result result = function();
      if (result != SLUICE_OK) outcome = result_text(result);
    } catch (const std::exception& e) {
      outcome = std::string("threw across the C border: ") + e.what();
    } catch (...) {
      outcome = "threw across the C border";
    }
    in_call_ = false;
    if (!outcome.empty() && broken_.empty()) {
      broken_ = outcome + (log_.empty() ? "" : "; its last line of log: " + log_.back());
    }
    undo_if_broken(name);
  }
  Answer end(const char* name) {
    in_call_ = false;
    undo_if_broken(name);
    return std::move(answer_);
  }
  /// As the daemon: what a failed call held is not held, what it settled still is.
  void undo_if_broken(const char* name) {
    if (broken_.empty()) return;
    held_ = held_before_;
    throw BrokenPromise(std::string(name) + ": " + broken_);
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
  const Series* find(std::uint32_t id) const {
    return id == 0 || id > series_.size() ? nullptr : &series_[id - 1];
  }
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
    if (find(r->series) == nullptr) {
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
    if (find(e->series) == nullptr || !is_source(e->source)) {
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
  static bool is_text(const char* text, std::size_t bytes_max) {
    return text != nullptr && strnlen(text, bytes_max + 1) <= bytes_max && is_utf8(text);
  }

  // --- the C functions ---

  template <typename Struct>
  static Bench& of(const Struct* given) {
    return *static_cast<Bench*>(given->ctx);
  }
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
  static const char* on_measurement(const sluice_host* host, std::uint32_t series) {
    const Series* found = of(host).find(series);
    return found == nullptr ? nullptr : found->measurement.c_str();
  }
  static const char* on_unit(const sluice_host* host, std::uint32_t series) {
    const Series* found = of(host).find(series);
    return found == nullptr ? nullptr : found->unit.c_str();
  }
  static const char* on_label(const sluice_host* host, std::uint32_t series, const char* name) {
    const Series* found = of(host).find(series);
    if (found == nullptr || name == nullptr) return nullptr;
    const auto label = found->labels.find(name);
    return label == found->labels.end() ? nullptr : label->second.c_str();
  }
  static std::uint32_t on_derive_series(const sluice_host* host, std::uint32_t base,
                                        const char* measurement, const char* unit) {
    Bench& bench = of(host);
    const Series* found = bench.find(base);
    if (!bench.in_call_ || found == nullptr) return 0;
    if (measurement != nullptr && (*measurement == '\0' || !is_text(measurement, 128))) return 0;
    if (unit != nullptr && !is_text(unit, 64)) return 0;
    const Series like = *found;
    return bench.series(measurement != nullptr ? measurement : like.measurement,
                        unit != nullptr ? unit : like.unit, like.labels);
  }
  static void on_log(const sluice_host* host, std::uint32_t, const char* message) {
    if (message != nullptr) of(host).log_.emplace_back(message, strnlen(message, 512));
  }
  static const void* on_get_extension(const sluice_host*, const char*) { return nullptr; }
  static sluice_result on_write(const sluice_writer* writer, const void* bytes, std::size_t size) {
    std::string& state = *static_cast<std::string*>(writer->ctx);
    if (size > SLUICE_SNAPSHOT_BYTES_MAX - state.size()) return SLUICE_REFUSED;
    if (size > 0) state.append(static_cast<const char*>(bytes), size);
    return SLUICE_OK;
  }

  const Library library_;
  const sluice_plugin_descriptor& plugin_;
  const std::string config_;
  const sluice_host host_;
  const sluice_emit emit_;
  void* self_ = nullptr;
  std::deque<Series> series_;                           ///< by id - 1; texts stay where they are
  std::uint32_t sources_ = 0;                           ///< the largest seen
  std::map<std::uint32_t, std::int64_t> last_time_ns_;  ///< by source
  std::map<std::uint64_t, Held> held_;                  ///< by token
  std::map<std::uint64_t, Held> held_before_;           ///< before the call
  std::uint64_t last_token_ = 0;
  Words log_;

  std::uint64_t call_ = 0;
  bool in_call_ = false;
  std::string broken_;
  std::vector<sluice_verdict> verdicts_;
  std::vector<Reading> in_;
  std::vector<Row> rows_;
  Answer answer_;
};

/// How many SLUICE_EXPECT did not hold so far: a test program's exit code.
inline int& failures() {
  static int count = 0;
  return count;
}
inline void expect(bool holds, const char* what, const char* file, int line) {
  if (holds) return;
  std::fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
  ++failures();
}

}  // namespace sluice::sdk::test

#define SLUICE_EXPECT(condition) \
  ::sluice::sdk::test::expect(static_cast<bool>(condition), #condition, __FILE__, __LINE__)
