#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <deque>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "sluice_plugin.hpp"
#include "testing/aggregate_harness.hpp"
#include "testing/json_members.hpp"
#include "testing/library.hpp"
#include "testing/recorder.hpp"

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
///
/// Of a plugin's aggregate AggregateHarness has all laws, in testing/aggregate_harness.hpp.
namespace sluice::sdk::test {

using Labels = std::map<std::string, std::string>;

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
        recorder_(plugin_) {
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
    if (known != series_.end()) return static_cast<std::uint32_t>(known - series_.begin() + 1);
    series_.push_back(wanted);
    recorder_.know_series(series_.size());
    return static_cast<std::uint32_t>(series_.size());
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
    const Columns in(rows);
    check_input(rows);
    const sluice_batch batch = in.batch();
    return recorder_.run("process", rows, log_,
                         [&](sluice_verdict* verdicts, const sluice_emit* emit) {
                           return plugin_.process(self_, &batch, verdicts, emit);
                         });
  }
  /// Time has passed: nothing before it is expected any more.
  Answer on_time(double seconds) {
    const std::int64_t watermark_ns = std::llround(seconds * 1e9);
    return recorder_.run("on_time", {}, log_, [&](sluice_verdict*, const sluice_emit* emit) {
      return plugin_.on_time == nullptr ? SLUICE_OK : plugin_.on_time(self_, watermark_ns, emit);
    });
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
  std::size_t held_count() const { return recorder_.held_count(); }
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

  /// The test's own mistakes.
  void check_input(const std::vector<Reading>& rows) {
    if (rows.empty()) throw std::invalid_argument("a batch has at least one reading");
    const bool sorted = ordered();
    for (const Reading& r : rows) {
      if (find(r.series) == nullptr || r.source == 0) {
        throw std::invalid_argument("a reading of no series or no source");
      }
      recorder_.know_source(r.source);
      std::int64_t& last = last_time_ns_.try_emplace(r.source, r.event_time_ns).first->second;
      if (sorted && r.event_time_ns < last) {
        throw std::invalid_argument("an ordered plugin gets each source in order of event time");
      }
      last = r.event_time_ns;
    }
  }
  const Series* find(std::uint32_t id) const {
    return id == 0 || id > series_.size() ? nullptr : &series_[id - 1];
  }

  // --- the C functions ---

  static Bench& of(const sluice_host* host) { return *static_cast<Bench*>(host->ctx); }
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
    if (!bench.recorder_.in_call() || found == nullptr) return 0;
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
  Recorder recorder_;
  void* self_ = nullptr;
  std::deque<Series> series_;                           ///< by id - 1; texts stay where they are
  std::map<std::uint32_t, std::int64_t> last_time_ns_;  ///< by source
  Words log_;
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
