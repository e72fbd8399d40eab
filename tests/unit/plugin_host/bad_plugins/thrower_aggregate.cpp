#include "sluice_aggregate.hpp"

namespace {

using namespace sluice::sdk;

/// Throws where its config says: the SDK must turn it into an answer.
class ThrowerAggregate {
 public:
  static constexpr sluice_aggregate_result kResults[] = {{"count", "1", "How many."},
                                                         {"last_s", "s", "The latest time."}};
  static constexpr AggregateMetadata kAggregate{
      .description = "Throws.",
      .config_schema = R"({"type":"object","properties":{"at":{"type":"string","default":""}}})",
      .saved_bytes_max = 16};
  struct State {
    std::uint64_t count = 0;
    std::int64_t last_ns = INT64_MIN;
  };

  explicit ThrowerAggregate(const Config& config) : at_(*config.string("at")) {
    fail_at("open");
    if (at_ == "config") throw std::invalid_argument("at: no such place");
  }
  void add(State& state, std::int64_t event_time_ns, double) const {
    fail_at("add");
    if (at_ == "number") throw 42;
    ++state.count;
    state.last_ns = std::max(state.last_ns, event_time_ns);
  }
  void merge(State& state, const State& other) const {
    fail_at("merge");
    state.count += other.count;
    state.last_ns = std::max(state.last_ns, other.last_ns);
  }
  void move_by(State& state, std::int64_t ns) const {
    fail_at("move_by");
    if (state.count > 0) state.last_ns += ns;
  }
  void save(const State& state, StateWriter& w) const {
    fail_at("save");
    w.u64(state.count);
    w.i64(state.last_ns);
  }
  void restore(State& state, StateReader& r, std::string_view) const {
    fail_at("restore");
    state.count = r.u64();
    state.last_ns = r.i64();
    if (state.count > 1'000'000 || (state.count == 0) != (state.last_ns == INT64_MIN)) {
      throw std::invalid_argument("no count");
    }
  }
  void result(const State& state, std::span<double> values) const {
    values[0] = static_cast<double>(state.count);
    fail_at("result");
    if (state.count > 0) values[1] = static_cast<double>(state.last_ns) / 1e9;
  }

 private:
  void fail_at(const char* place) const {
    if (at_ == place) throw std::runtime_error(std::string("thrown in ") + place);
  }
  std::string at_;
};

}  // namespace

SLUICE_AGGREGATE_PLUGIN(ThrowerAggregate, "thrower_aggregate", "1")
