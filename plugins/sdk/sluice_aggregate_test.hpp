#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "sluice_aggregate.h"
#include "sluice_plugin_test.hpp"

/// The windows' side of the ability "sluice.aggregate/1", for a plugin's own tests:
///
///   AggregateBench bench("./shape.so", R"({"corrected": true})");
///   SLUICE_EXPECT(std::abs(bench.results({{1, 2}, {2, 2}, {3, 8}})[0] - 1.73) < 0.01);
///   bench.check_laws(readings);
///
/// Loads the real .so. A broken promise throws, as in sluice_plugin_test.hpp. One thread.
namespace sluice::sdk::test {

class AggregateBench {
 public:
  struct Reading {
    std::int64_t event_time_ns;
    double value;
  };
  using Readings = std::vector<Reading>;

  /// Throws BadConfig, and BrokenPromise as every function below.
  explicit AggregateBench(const std::string& path, const std::string& config_json = "{}")
      : library_(path), table_(table_of(library_.descriptor())) {
    const std::string config = with_defaults(table_.config_schema, config_json);
    char why[1024] = "";
    const sluice_result result = table_.open(config.c_str(), &self_, why, sizeof why);
    if (result == SLUICE_BAD_CONFIG) throw BadConfig(why);
    require(result == SLUICE_OK, std::string("open failed: ") + why);
    sizes_.struct_size = sizeof sizes_;
    table_.sizes(self_, &sizes_);
    const auto is_size = [](std::uint32_t n) { return n >= 1 && n <= SLUICE_AGGREGATE_BYTES_MAX; };
    require(is_size(sizes_.state_bytes) && is_size(sizes_.saved_bytes_max), "sizes out of bounds");
  }
  ~AggregateBench() {
    if (self_ != nullptr) table_.close(self_);
  }
  AggregateBench(const AggregateBench&) = delete;
  AggregateBench& operator=(const AggregateBench&) = delete;

  /// What these readings come to, as they stand; NaN for none.
  std::vector<double> results(const Readings& readings) const { return results_of(fold(readings)); }

  /// That the result does not depend on the order of the readings, nor on the parts in which they
  /// are folded and merged, nor on parts being saved and restored on the way, within `tolerance`
  /// times the result; that equal readings save as equal bytes; and that no damaged bytes do harm.
  void check_laws(const Readings& readings, double tolerance = 1e-9, std::uint64_t seed = 1) const {
    std::mt19937_64 random(seed);
    const std::vector<double> wanted = results(readings);
    require(save(fold(readings)) == save(fold(readings)), "equal readings save as other bytes");
    for (int round = 0; round < 50; ++round) {
      Readings order = readings;
      std::shuffle(order.begin(), order.end(), random);
      std::vector<State> parts = parts_of(order, random);
      while (parts.size() > 1) {
        const std::size_t from = random() % parts.size();
        const State other = random() % 2 == 0 ? parts[from] : restore(save(parts[from]));
        parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(from));
        check(table_.merge(self_, parts[random() % parts.size()].data(), other.data()), "merge");
      }
      require(agree(results_of(restore(save(parts[0]))), wanted, tolerance),
              "the result depends on order or parts; round " + std::to_string(round));
    }
    check_damage(save(fold(readings)), random);
  }

 private:
  using State = std::vector<std::uint64_t>;

  static void require(bool kept, const std::string& what) {
    if (!kept) throw BrokenPromise(what);
  }
  static void check(sluice_result result, const char* function) {
    require(result == SLUICE_OK, std::string(function) + " answered " + std::to_string(result));
  }
  static const sluice_aggregate& table_of(const sluice_plugin_descriptor& descriptor) {
    const void* table =
        descriptor.get_extension == nullptr ? nullptr : descriptor.get_extension(SLUICE_AGGREGATE);
    require(table != nullptr, "supplies no " SLUICE_AGGREGATE);
    return *static_cast<const sluice_aggregate*>(table);
  }

  State zeroed() const { return State((sizes_.state_bytes + 7) / 8); }
  State fold(const Readings& readings) const {
    State state = zeroed();
    table_.init(self_, state.data());
    for (const Reading& r : readings) {
      check(table_.add(self_, state.data(), r.event_time_ns, r.value + 0.0), "add");
    }
    return state;
  }
  std::vector<State> parts_of(const Readings& order, std::mt19937_64& random) const {
    std::vector<State> parts{fold({})};
    for (auto it = order.begin(); it != order.end();) {
      const auto left = static_cast<std::size_t>(order.end() - it);
      const auto size = static_cast<std::ptrdiff_t>(1 + random() % left);
      parts.push_back(fold(Readings(it, it + size)));
      it += size;
    }
    return parts;
  }
  std::vector<double> results_of(const State& state) const {
    std::vector<double> values(table_.result_count, std::numeric_limits<double>::quiet_NaN());
    table_.result(self_, state.data(), values.data());
    return values;
  }
  static bool agree(const std::vector<double>& a, const std::vector<double>& b, double tolerance) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [tolerance](double x, double y) {
      if (std::isnan(x) || std::isnan(y)) return std::isnan(x) == std::isnan(y);
      return std::abs(x - y) <= tolerance * std::max(1.0, std::max(std::abs(x), std::abs(y)));
    });
  }

  std::string save(const State& state) const {
    std::string bytes;
    const sluice_writer writer{sizeof(sluice_writer), &bytes, append};
    check(table_.save(self_, state.data(), &writer), "save");
    require(!bytes.empty() && bytes.size() <= sizes_.saved_bytes_max,
            "saved " + std::to_string(bytes.size()) + " bytes");
    return bytes;
  }
  static sluice_result append(const sluice_writer* writer, const void* bytes, std::size_t size) {
    static_cast<std::string*>(writer->ctx)->append(static_cast<const char*>(bytes), size);
    return SLUICE_OK;
  }
  State restore(const std::string& bytes) const {
    State state = zeroed();
    check(take_back(state, bytes), "restore");
    return state;
  }
  sluice_result take_back(State& state, const std::string& bytes) const {
    char why[1024] = "";
    return table_.restore(self_, state.data(), bytes.data(), bytes.size(),
                          library_.descriptor().version, why, sizeof why);
  }
  void check_damage(const std::string& bytes, std::mt19937_64& random) const {
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      State state = zeroed();
      require(take_back(state, bytes.substr(0, size)) == SLUICE_BAD_STATE,
              "restores bytes that are cut short");
    }
    for (int i = 0; i < 1000; ++i) {
      std::string damaged = bytes;
      damaged[random() % damaged.size()] = static_cast<char>(random());
      State state = zeroed();
      if (take_back(state, damaged) != SLUICE_OK) continue;
      (void)results_of(state);
      (void)save(state);
    }
  }

  Library library_;
  const sluice_aggregate& table_;
  void* self_ = nullptr;
  sluice_aggregate_sizes sizes_{};
};

}  // namespace sluice::sdk::test
