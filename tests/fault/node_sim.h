#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/clock_trust.h"
#include "fakes/fake_clock.h"
#include "fakes/sim_disk.h"
#include "fault/sim_broker.h"
#include "fault/sim_network.h"
#include "node/data_plane.h"
#include "sluice/v1/config.pb.h"
#include "sync/uplink_turns.h"

namespace sluice::fault {

/// What one window of one series of one pipeline must hold.
struct WindowTruth {
  std::uint64_t count = 0;
  double sum = 0;
  double min = 0;
  double max = 0;
  std::vector<std::pair<std::int64_t, double>> readings;  ///< (event time in ns, value), by time
};
/// (pipeline, device, window start in ns).
using TruthKey = std::tuple<std::string, std::string, std::int64_t>;
using Truth = std::map<TruthKey, WindowTruth>;

/// What really is the time: the hub's clock, and that of the truth.
class TrueClock final : public Clock {
 public:
  std::int64_t boottime_ns() const override { return now_ns_; }
  std::int64_t wall_ns() const override { return now_ns_; }
  void advance(std::int64_t ns) { now_ns_ += ns; }

 private:
  std::int64_t now_ns_ = 1'700'000'000'000'000'000;
};

/// A whole gateway in one thread and from one seed: the real engine with real plugins, the real
/// store on a disk whose power can be cut, the real uplink protocol to the real hub's store;
/// broker, network, disk, clock and randomness are simulated.
///
/// A history: devices publish stamped readings, a little out of order, over a broker, and one whose
/// readings have no time; at every step a fault may strike, then the faults end and everything must
/// arrive. The publishers' history says what the hub must hold. The gateway has no battery clock:
/// each boot begins in another year, and learns the time from a time server, the hub, or never.
class NodeSim {
 public:
  /// `config` is that of node_sim_config(); `store` the hub's, shared by many histories; `node` is
  /// unique in it.
  NodeSim(const v1::Config& config, hub::HubStore& store, std::string node, std::uint64_t seed);
  ~NodeSim();

  /// Empty when all went well, else what did not.
  std::string run();

  const Truth& truth() const { return truth_; }
  /// Windows also close by silence, which no outage must be taken for. The windows of the last
  /// readings, which are no part of the truth, may be there then.
  bool closes_by_silence() const { return closes_by_silence_; }
  /// Readings that windows of pipeline "changing" took, whose spec a change of config replaces:
  /// each is in one of its panes, whatever spec and however often they came and went.
  std::uint64_t in_changing() const { return in_changing_; }
  /// Windows of "plain" with readings that the broker forgot: these may be missing there. What
  /// "band" then holds nobody can foretell.
  const std::set<TruthKey>& forgotten() const { return forgotten_; }
  bool broker_forgot() const { return forgotten_messages_ > 0; }
  /// The node has seen that the broker forgot, so it must have said so upstream.
  bool must_report_broker() const { return must_report_broker_; }
  /// Of readings without a time: when each arrived, at each delivery, ns. Its value is its place.
  const std::vector<std::vector<std::int64_t>>& arrivals() const { return arrivals_; }
  /// How many of them are counted though perhaps they are copies.
  std::uint64_t arrivals_in_doubt() const { return arrivals_in_doubt_; }
  const std::string& node() const { return config_.node().name(); }
  /// How often each fault struck, by name.
  const std::map<std::string, std::uint64_t>& strikes() const { return strikes_; }

 private:
  /// What dies with the process.
  struct Process {
    std::unique_ptr<ClockTrust> trust;
    std::unique_ptr<DataPlane> plane;
    UplinkOptions options;
    UplinkCallbacks callbacks;
    SharedStats stats;
    std::optional<SessionContext> context;
    std::optional<UplinkTurns> turns;
  };

  bool chance(double probability) { return std::bernoulli_distribution(probability)(random_); }
  std::size_t pick(std::size_t count) {
    return std::uniform_int_distribution<std::size_t>(0, count - 1)(random_);
  }
  std::int64_t milliseconds(std::size_t below) {
    return static_cast<std::int64_t>(pick(below)) * 1'000'000;
  }

  void step();
  void fault();
  void disk_fault();
  void change_config(bool keeps_changing);
  void plugins_come_or_go();
  /// The process starts on what the disk holds; it may fail to, and is started again later.
  void start();
  /// The process is gone, now or since the disk took it down.
  void end_process();
  void end_of_faults();
  void on_durable(const CommitGroup& group);
  void step_broker();
  void step_network();
  void advance(std::int64_t ns);
  void time_server();
  void boot();
  void publish();
  void publish_arrival();
  void publish_end();
  void settle();
  bool settled();
  std::string look_at_the_end();
  void add_truth(const std::string& device, std::int64_t time_ms, double value);
  void lose_session(std::uint32_t source);
  void broker_out_of_reach(std::uint32_t source);
  void let_time_pass(std::int64_t ns);
  void note_boundary(const AckPosition& position);

  v1::Config config_;
  const std::string plugin_dir_;
  v1::PipelineConfig changing_;
  std::mt19937_64 random_;
  FakeClock clock_;
  TrueClock true_clock_;
  KernelSync kernel_;
  std::uint64_t boots_ = 0;
  SimDisk disk_;
  SimBroker broker_;
  SimNetwork network_;
  std::unique_ptr<Process> process_;

  const bool closes_by_silence_;
  const bool hub_tells_time_;
  std::uint64_t in_changing_ = 0;
  int messages_left_ = 0;
  std::uint64_t published_ = 0;
  std::array<std::int64_t, 3> device_time_ms_{};
  std::array<std::optional<double>, 3> deadband_kept_{};
  std::map<std::pair<std::string, std::string>, TruthKey> window_of_;  ///< by topic and payload
  std::set<TruthKey> forgotten_;
  std::uint64_t forgotten_messages_ = 0;
  /// Of each source: its messages were durable; the session they came by is gone.
  std::array<bool, 3> known_{};
  std::array<bool, 3> session_lost_{};
  std::vector<std::vector<std::int64_t>> arrivals_;
  std::uint64_t arrivals_in_doubt_ = 0;
  bool may_doubt_ = false;
  bool must_report_broker_ = false;
  Truth truth_;
  std::map<std::string, std::uint64_t> strikes_;
};

/// Three sources, of which the last has no times, a pipeline of that one, a plain pipeline, one
/// whose stages need order and keep state, one whose overlapping windows wait for nothing and are
/// corrected, and one whose spec changes.
v1::Config node_sim_config(const std::string& plugin_dir);

}  // namespace sluice::fault
