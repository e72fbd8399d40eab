#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

namespace sluice {

/// What one pipeline has done since the process started. Only differences mean something.
struct PipelineTotals {
  std::int64_t readings = 0;  ///< that it took or derived
  std::int64_t rejected = 0;
  std::int64_t filtered = 0;
  std::int64_t late = 0;
  std::int64_t plugin_failures = 0;
  std::int64_t busy_ns = 0;  ///< for which the pipeline thread was at it
  bool parked = false;
};

/// How the node does at one moment.
struct HealthSample {
  std::int64_t boottime_ns = 0;
  std::map<std::string, PipelineTotals> pipelines;
  std::int64_t messages = 0;  ///< received, and of those rejected
  std::int64_t messages_rejected = 0;
  std::uint64_t rss_bytes = 0;
};

/// By how much a config may make things worse.
struct ProbationBounds {
  /// More of what comes may be rejected or late than before, as a share of it.
  double share = 0.2;
  /// So much of it may be filtered, or as much as before: filters are meant to drop, but hardly
  /// all.
  double filtered_share = 0.98;
  /// A pipeline may take this share of the time, or twice what it took.
  double busy_share = 0.5;
  std::int64_t plugin_failures = 2;
  double rss_factor = 1.5;
  std::uint64_t rss_bytes = 64u << 20;  ///< growth that is always allowed
};

/// Watches the node while a new config is in effect.
///
/// The time before is that of the samples which remember() was given, as far back as the probation
/// is long. One thread at a time.
class Probation {
 public:
  Probation(std::int64_t length_ns, const ProbationBounds& bounds)
      : length_ns_(length_ns), bounds_(bounds) {}

  /// A sample of a node that is not on probation.
  void remember(const HealthSample& sample);
  /// How far apart such samples should be.
  std::int64_t interval_ns() const { return length_ns_ / kSamplesBefore; }

  /// The new config is in effect; `is_new_process`: since the start, so that totals begin anew and
  /// memory has yet to grow to what it will be.
  void begin(const HealthSample& sample, bool is_new_process = false);
  bool is_on() const { return begun_.has_value(); }
  /// Why it is worse than before; empty: it is not. Shares count from kReadingsMin readings on, or
  /// at the end.
  std::string judge(const HealthSample& now) const;
  bool is_over(std::int64_t boottime_ns) const {
    return begun_ && boottime_ns - begun_->boottime_ns >= length_ns_;
  }
  void end() { begun_.reset(); }

 private:
  static constexpr std::int64_t kSamplesBefore = 12;
  static constexpr std::int64_t kReadingsMin = 200;
  struct Span;

  std::string judge_pipeline(const std::string& name, const Span& before, const Span& since,
                             bool is_last) const;

  const std::int64_t length_ns_;
  const ProbationBounds bounds_;
  std::deque<HealthSample> before_;
  std::optional<HealthSample> begun_;
  bool is_new_process_ = false;
};

}  // namespace sluice
