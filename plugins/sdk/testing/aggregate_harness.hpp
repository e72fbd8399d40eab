#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "sluice_aggregate.h"
#include "testing/json_members.hpp"
#include "testing/library.hpp"

namespace sluice::sdk::test {

/// One value at a time, `seconds` after 1970.
struct TimedValue {
  double seconds;
  double value;
};

/// A plugin's aggregate, and the daemon and hub around it:
///
///   AggregateHarness shape("./shape.so", R"({"bias_corrected": true})");
///   SLUICE_EXPECT(shape.fold({{0, 1}, {1, 2}, {2, 9}}).at("skewness") > 0);
///   shape.check_laws(readings);
///
/// Throws BadConfig from the constructor, and BrokenPromise as every function below. One thread.
class AggregateHarness {
 public:
  using Results = std::map<std::string, double>;  ///< by name; NaN: there is none
  using Readings = std::vector<TimedValue>;

  /// `config_json` is an object.
  explicit AggregateHarness(const std::string& path, const std::string& config_json = "{}")
      : library_(path), aggregate_(library_.aggregate()) {
    require(aggregate_ != nullptr, "get_extension has no sluice.aggregate/1");
    const std::string config = with_defaults(aggregate_->config_schema, config_json);
    require(config.size() <= 1024, "a config of more than 1024 bytes");
    char why[1024] = "";
    void* self = nullptr;
    const sluice_result answer = aggregate_->open(config.c_str(), &self, why, sizeof why);
    why[sizeof why - 1] = '\0';
    if (answer == SLUICE_BAD_CONFIG) throw BadConfig(why);
    require(answer == SLUICE_OK, "open " + answered(answer) + ": " + why);
    self_ = {self, aggregate_->close};
    aggregate_->sizes(self, &sizes_);
    require(sizes_.state_bytes >= 1 && sizes_.state_bytes <= SLUICE_AGGREGATE_BYTES_MAX,
            "sizes: state_bytes is not 1..65536");
    require(sizes_.saved_bytes_max >= 1 && sizes_.saved_bytes_max <= SLUICE_AGGREGATE_BYTES_MAX,
            "sizes: saved_bytes_max is not 1..65536");
  }

  /// What a window of these readings comes to.
  Results fold(const Readings& readings) const { return results(window(readings)); }
  /// What save() writes of it.
  std::string save(const Readings& readings) const { return saved(window(readings)); }
  /// "" when these bytes are taken, else why not.
  std::string restore(const std::string& bytes, const std::string& version) const {
    State state = zeroed();
    return take_back(state, bytes, version);
  }

  /// All that the contract asks of these readings, several times over:
  ///
  /// - in any order, in parts that merge in any order and grouping, results agree to `tolerance`,
  ///   relative to the larger of 1 and the result;
  /// - a part saved and restored is the same part, and saves the same bytes;
  /// - readings later by so much are the window moved by so much;
  /// - damaged bytes are refused, or make a state that can be used.
  void check_laws(const Readings& readings, unsigned seed = 1, double tolerance = 1e-9) const {
    std::mt19937 random(seed);
    check_steps(readings);
    const Results expected = fold(readings);
    for (int round = 0; round < 20; ++round) {
      const std::string when = "in round " + std::to_string(round) + " of seed " +
                               std::to_string(seed) + ", in another order and grouping";
      agree(expected, results(in_parts(readings, random)), tolerance, when);
    }
    check_moved(readings, tolerance);
    check_damaged(saved(window(readings)), random);
    check_damaged(saved(empty()), random);
  }

 private:
  /// With a mark behind what the plugin may use.
  using State = std::vector<std::uint64_t>;
  static constexpr std::uint64_t kMark = 0x5ca1ab1e0ddba11u;

  static void require(bool kept, const std::string& what) {
    if (!kept) throw BrokenPromise(what);
  }
  static std::string answered(sluice_result answer) { return "answered " + std::to_string(answer); }
  void check(const State& state, const char* function, sluice_result answer) const {
    require(answer == SLUICE_OK, std::string(function) + " " + answered(answer));
    require(state.back() == kMark, std::string(function) + " wrote beyond state_bytes");
  }

  State zeroed() const {
    State state((sizes_.state_bytes + 7) / 8 + 1);
    state.back() = kMark;
    return state;
  }
  State empty() const {
    State state = zeroed();
    aggregate_->init(self_.get(), state.data());
    check(state, "init", SLUICE_OK);
    return state;
  }
  static std::int64_t ns_of(double seconds) { return std::llround(seconds * 1e9); }
  void add(State& state, const TimedValue& reading, std::int64_t later_ns = 0) const {
    check(state, "add",
          aggregate_->add(self_.get(), state.data(), ns_of(reading.seconds) + later_ns,
                          reading.value + 0.0));
  }
  void merge(State& state, const State& other) const {
    const State before = other;
    check(state, "merge", aggregate_->merge(self_.get(), state.data(), other.data()));
    require(other == before, "merge changed the other state");
  }
  State window(const Readings& readings, std::int64_t later_ns = 0) const {
    State state = empty();
    for (const TimedValue& reading : readings) add(state, reading, later_ns);
    return state;
  }

  struct Saved {
    std::string bytes;
    std::size_t bytes_max;
    bool refused;
  };
  static sluice_result on_write(const sluice_writer* writer, const void* bytes, std::size_t size) {
    Saved& saved = *static_cast<Saved*>(writer->ctx);
    saved.refused = saved.refused || size > saved.bytes_max - saved.bytes.size();
    if (saved.refused) return SLUICE_REFUSED;
    if (size > 0) saved.bytes.append(static_cast<const char*>(bytes), size);
    return SLUICE_OK;
  }
  std::string saved(const State& state) const {
    const State before = state;
    Saved saved{{}, sizes_.saved_bytes_max, false};
    const sluice_writer writer{sizeof(sluice_writer), &saved, on_write};
    const sluice_result answer = aggregate_->save(self_.get(), state.data(), &writer);
    require(!saved.refused, "save wrote more than saved_bytes_max");
    check(state, "save", answer);
    require(state == before, "save changed the state");
    require(!saved.bytes.empty(), "save wrote nothing");
    return saved.bytes;
  }
  std::string take_back(State& state, const std::string& bytes, const std::string& version) const {
    char why[1024] = "";
    const sluice_result answer = aggregate_->restore(
        self_.get(), state.data(), bytes.data(), bytes.size(), version.c_str(), why, sizeof why);
    why[sizeof why - 1] = '\0';
    require(state.back() == kMark, "restore wrote beyond state_bytes");
    if (answer == SLUICE_OK) return "";
    require(answer == SLUICE_BAD_STATE, "restore " + answered(answer));
    return *why == '\0' ? "no reason given" : why;
  }
  /// By way of its bytes.
  State again(const State& state) const {
    const std::string bytes = saved(state);
    require(saved(state) == bytes, "save: two in a row differ");
    State made = zeroed();
    const std::string why = take_back(made, bytes, library_.descriptor().version);
    require(why.empty(), "restore refuses what save wrote: " + why);
    require(saved(made) == bytes, "a restored state saves other bytes");
    agree(results(state), results(made), 0, "after save and restore");
    return made;
  }

  Results results(const State& state) const {
    constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
    const State before = state;
    std::vector<double> values(aggregate_->result_count, kNone);
    aggregate_->result(self_.get(), state.data(), values.data());
    check(state, "result", SLUICE_OK);
    require(state == before, "result changed the state");
    Results out;
    for (std::uint32_t i = 0; i < aggregate_->result_count; ++i) {
      out[aggregate_->results[i].name] = std::isfinite(values[i]) ? values[i] : kNone;
    }
    return out;
  }
  static void agree(const Results& a, const Results& b, double tolerance, const std::string& when) {
    for (const auto& [name, x] : a) {
      const double y = b.at(name);
      const double scale = std::fmax(1, std::fmax(std::abs(x), std::abs(y)));
      if (std::isnan(x) ? std::isnan(y) : std::abs(x - y) <= tolerance * scale) continue;
      throw BrokenPromise(name + " is " + std::to_string(x) + ", but " + std::to_string(y) + " " +
                          when);
    }
  }

  // --- the laws ---

  /// Saved and restored after each of the first readings.
  void check_steps(const Readings& readings) const {
    State state = again(empty());
    for (std::size_t i = 0; i < readings.size() && i < 200; ++i) {
      add(state, readings[i]);
      state = again(state);
    }
  }
  State in_parts(Readings readings, std::mt19937& random) const {
    std::shuffle(readings.begin(), readings.end(), random);
    std::vector<State> parts(1 + random() % 8);
    for (State& part : parts) part = empty();
    for (const TimedValue& reading : readings) add(parts[random() % parts.size()], reading);
    while (parts.size() > 1) {
      std::swap(parts[random() % parts.size()], parts.back());
      const State last = random() % 2 == 0 ? again(parts.back()) : parts.back();
      parts.pop_back();
      merge(parts[random() % parts.size()], last);
    }
    return parts.front();
  }
  void check_moved(const Readings& readings, double tolerance) const {
    constexpr std::int64_t kHour = 3'600'000'000'000;
    State moved = window(readings);
    if (aggregate_->move_by != nullptr) {
      check(moved, "move_by", aggregate_->move_by(self_.get(), moved.data(), kHour));
    }
    agree(results(window(readings, kHour)), results(moved), tolerance,
          aggregate_->move_by != nullptr ? "moved by an hour instead" : "an hour before");
  }
  /// Cut, with bytes changed, and noise.
  void check_damaged(const std::string& whole, std::mt19937& random) const {
    for (std::size_t size = 0; size < whole.size(); ++size) use(whole.substr(0, size));
    use(whole + '\0');
    for (int i = 0; i < 2000; ++i) {
      std::string bytes = i % 2 == 0 ? whole : std::string(random() % 256, '\0');
      for (auto n = i % 2 == 0 ? 1 + random() % 3 : 256; n > 0 && !bytes.empty(); --n) {
        bytes[random() % bytes.size()] = static_cast<char>(random());
      }
      use(bytes);
    }
  }
  /// What is taken takes readings, merges and saves, or says that it fails; none of it may crash.
  void use(const std::string& bytes) const {
    State state = zeroed();
    if (!take_back(state, bytes, library_.descriptor().version).empty()) return;
    (void)results(again(state));
    State other = window({{1, 1.5}, {2, -3}});
    if (aggregate_->merge(self_.get(), other.data(), state.data()) == SLUICE_OK) {
      (void)results(other);
    }
    if (aggregate_->add(self_.get(), state.data(), 1, 7) == SLUICE_OK) (void)results(state);
    require(state.back() == kMark && other.back() == kMark, "a restored state is overrun");
  }

  const Library library_;
  const sluice_aggregate* aggregate_;
  std::unique_ptr<void, void (*)(void*)> self_{nullptr, nullptr};
  sluice_aggregate_sizes sizes_{sizeof(sluice_aggregate_sizes), 0, 0};
};

}  // namespace sluice::sdk::test
