#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "model/event.h"

namespace sluice {

/// Of which conditions the stages of a pipeline have told the begin and not yet the end. When what
/// the stages know is given up, nobody else could tell it: an alert would stand at the hub for
/// ever.
///
/// Part of the stages' state. What begins when kCountMax have begun is not remembered. Thread:
/// [pipeline].
class BegunEvents {
 public:
  static constexpr std::size_t kCountMax = 10'000;

  struct End {
    std::string stage;
    Event event;
  };

  /// A stage, by its name, has told this.
  void note(const std::string& stage, const Event& event);
  /// An end for each, at `time_ns` but not before its begin (in boot time: then), with `reason` as
  /// attribute. Nothing has begun from then on.
  std::vector<End> end_all(std::string_view reason, std::int64_t time_ns);

  bool empty() const { return begun_.empty(); }
  void snapshot(ByteWriter& out) const;
  /// `data_loss` for malformed bytes.
  Status restore(std::string_view bytes);

 private:
  struct Condition {
    std::string stage;
    SeriesId series = 0;
    std::string name;
    auto operator<=>(const Condition&) const = default;
  };
  struct Begin {
    TopicId topic = 0;
    std::int64_t time_ns = 0;
  };
  std::map<Condition, Begin> begun_;
};

}  // namespace sluice
