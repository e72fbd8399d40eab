#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "node/rehearsal_stream.h"
#include "sluice/v1/plan.pb.h"

namespace sluice {

/// How sluice-rehearse ends when there is no report.
inline constexpr int kRehearsalBroken = 3;
inline constexpr int kRehearsalOutOfMemory = 4;

/// What one rehearsal may take.
struct RehearsalLimits {
  std::uint64_t memory_bytes = std::uint64_t{256} << 20;  ///< beside the program itself
  std::uint64_t cpu_s = 300;                              ///< processor time
  /// Of it, on what fits between two processes: a stage that takes more hangs.
  std::int64_t piece_cpu_ns = 5'000'000'000;
  std::int64_t piece_wall_ns = 30'000'000'000;
  std::int64_t report_wall_ns = 20'000'000'000;  ///< from the end of the recording to the report
};

/// What a rehearsal came to: a report, or a sentence on why there is none.
struct RehearsalOutcome {
  std::optional<v1::RehearsalReport> report;
  std::string error;
};

/// A running sluice-rehearse, see node/rehearsal_stream.h, as long as this lives. What it does not
/// take in yet waits here, so that nobody has to wait for it; one thread at a time.
class RehearsalProcess {
 public:
  /// `unavailable` when the program cannot be started.
  static Result<std::unique_ptr<RehearsalProcess>> start(const std::string& program,
                                                         const v1::RehearsalSetup& setup,
                                                         const RehearsalLimits& limits,
                                                         const Clock& clock);
  /// Kills it.
  ~RehearsalProcess();
  RehearsalProcess(const RehearsalProcess&) = delete;
  RehearsalProcess& operator=(const RehearsalProcess&) = delete;

  /// It takes no more: it has reported, or has ended.
  bool done() const { return outcome_.has_value(); }
  /// Nothing waits to be taken in.
  bool drained() const { return done() || sent_ == input_.size(); }
  void add(RehearsalFrame kind, std::string_view payload);
  void define(RehearsalFrame kind, std::uint32_t id, std::string_view bytes);

  /// For poll(): what it waits for; -1: nothing.
  int input_fd() const { return drained() ? -1 : input_fd_.get(); }
  int output_fd() const { return done() ? -1 : output_fd_.get(); }
  /// Gives and takes what can be given and taken now, and ends a process that hangs.
  void turn();
  /// Ends it, if it is not done; `why` is the error then.
  void give_up(std::string why);
  RehearsalOutcome take_outcome() { return *std::move(outcome_); }

 private:
  RehearsalProcess(const RehearsalLimits& limits, const Clock& clock)
      : limits_(limits), clock_(clock) {}
  Status spawn(const std::string& program);
  void write_some();
  void read_some();
  void take_answer();
  void check_progress();
  void progressed();
  void end(RehearsalOutcome outcome);
  std::string death();

  const RehearsalLimits limits_;
  const Clock& clock_;
  pid_t pid_ = -1;
  UniqueFd input_fd_;   ///< a socket: it answers instead of raising SIGPIPE
  UniqueFd output_fd_;  ///< a pipe
  std::string input_;
  std::size_t sent_ = 0;
  FrameCutter answer_;
  std::optional<RehearsalOutcome> outcome_;
  std::int64_t progress_ns_ = 0;      ///< boot time of the last one
  std::int64_t progress_cpu_ns_ = 0;  ///< and what it had used by then
};

/// Waits until one of them can give or take something, `wait` at most.
void await_turn(const std::vector<RehearsalProcess*>& all, std::chrono::milliseconds wait);

}  // namespace sluice
