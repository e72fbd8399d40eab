#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "model/event.h"
#include "model/ports.h"
#include "model/reading.h"
#include "model/series.h"
#include "sluice/v1/plan.pb.h"
#include "sync/summary_encoder.h"

namespace sluice {

/// What one pipeline sent upstream.
struct SentByPipeline {
  std::uint64_t panes = 0;
  std::map<PaneQuality, std::uint64_t> by_quality;  ///< but `complete`
  std::uint64_t rows = 0;
  std::uint64_t row_bytes = 0;
  std::vector<bool> series;  ///< that its panes are of, by id
};

/// Makes the bytes that go upstream, and keeps of each block no more than what it comes to.
class CountingEncoder final : public SummaryEncoder {
 public:
  std::string encode(const SummaryBlock& block) override;
  std::string encode(const TimeCorrection& correction) override;

  const SentByPipeline& of(const std::string& pipeline) { return sent_[pipeline]; }

 private:
  ProtoSummaryEncoder encoder_;
  std::map<std::string, SentByPipeline> sent_;
};

/// Events by what tells them and which they are.
class CountedEvents {
 public:
  /// Kinds that one pipeline's list has; further ones are counted together.
  static constexpr std::size_t kKindsMax = 200;

  /// `wire_bytes`: of its message.
  void add(const ToldEvent& told, std::size_t wire_bytes);
  void write(const std::string& pipeline, v1::RehearsedPipeline& out) const;

 private:
  struct Kind {
    std::string stage;
    std::string name;
    Severity severity = Severity::info;
    friend auto operator<=>(const Kind&, const Kind&) = default;
  };
  struct Told {
    std::uint64_t count = 0;
    std::string last_message;
  };
  struct OfPipeline {
    std::map<Kind, Told> kinds;
    std::uint64_t unlisted = 0;
    std::uint64_t bytes = 0;
  };
  std::map<std::string, OfPipeline> pipelines_;
};

}  // namespace sluice
