#include "aggregate/merged_content.h"

namespace sluice {

MergedContent MergedContent::of(const WindowSummary& window) {
  const Moments& m = window.moments;
  MergedContent content;
  content.moments = m;
  content.windows = 1;
  content.windows_partial = window.complete ? 0 : 1;
  content.expected_every_ns = window.expected_every_ns;
  content.extras = window.extras;
  if (!window.held) return content;
  if (m.count == 0) {
    content.held = Held{TimeWeighted(), Coverage()};
    return content;
  }
  // At one stamp the largest value counts, which is the last one.
  const double first = m.first_time_ns == m.last_time_ns ? m.last : m.first;
  const TimeParts::Part ends{{m.first_time_ns, first}, {m.last_time_ns, m.last}};
  content.held =
      Held{TimeWeighted::of(m.count, ends, window.held->time_integral_s),
           Coverage::of(m.count, m.first_time_ns, m.last_time_ns, window.held->largest_gap_ns)};
  return content;
}

void MergedContent::merge(const MergedContent& other) {
  if (windows == 0) {
    *this = other;
    return;
  }
  moments.merge(other.moments);
  windows += other.windows;
  windows_partial += other.windows_partial;
  if (expected_every_ns != other.expected_every_ns) expected_every_ns = 0;
  const bool both = held && other.held && held->mean.merge(other.held->mean).ok() &&
                    held->coverage.merge(other.held->coverage).ok();
  if (!both) held.reset();
  if (extras && other.extras) {
    extras->merge(*other.extras);
  } else {
    extras.reset();
  }
}

void MergedContent::close_gaps() {
  if (held) {
    held->mean.close_gaps();
    held->coverage.close_gaps();
  }
  if (extras) extras->close_gaps();
}

}  // namespace sluice
