#include <set>
#include <tuple>

#include "schema/rule_context.h"
#include "schema/scalar_forms.h"

namespace sluice::schema {
namespace {

// A reading is added to each window that holds it, and each is kept until it can no longer be
// corrected: both are paid per series.
constexpr std::int64_t kOverlapMax = 1'000;
constexpr std::int64_t kKeptMax = 10'000;

std::string quote_duration(std::int64_t duration_ns) {
  return quote(format_duration_ns(duration_ns));
}

/// A share of more than 1 reading in each window, else coverage is either 0 or 1.
void check_contents(const v1::WindowConfig& window, std::int64_t size_ns, const std::string& path,
                    const RuleContext& context) {
  if (window.expected_every_ns() > size_ns) {
    context.refuse(path + ".expected_every", "expected at most the length of a window, " +
                                                 quote_duration(size_ns) + ", got " +
                                                 quote_duration(window.expected_every_ns()));
  }
  if (!window.has_aggregates()) return;
  const v1::AggregatesConfig& aggregates = window.aggregates();
  const std::uint32_t bits = aggregates.counter().wrap_bits();
  if (bits != 0 && bits != 16 && bits != 32 && bits != 64) {
    context.refuse(path + ".aggregates.counter.wrap_bits",
                   "expected 0, 16, 32 or 64, got " + quote(std::to_string(bits)));
  }
  if (bits == 0 && aggregates.counter().wrap_rate_max() > 0) {
    context.refuse(path + ".aggregates.counter.wrap_rate_max",
                   "expected wrap_bits beside it: a counter that never starts over has no wraps");
  }
}

void check_window(const v1::WindowConfig& window, const std::string& path,
                  const RuleContext& context) {
  const bool tumbling = window.tumbling_ns() > 0;
  const bool refused = !tumbling && context.places.has(path + ".tumbling");
  if (refused) return;  // reported already
  if (tumbling == window.has_hopping()) {
    context.refuse(path, tumbling ? "expected one of tumbling and hopping, got both"
                                  : "expected tumbling: DURATION or hopping: {size, every}");
    return;
  }
  const std::int64_t size_ns = tumbling ? window.tumbling_ns() : window.hopping().size_ns();
  const std::int64_t every_ns = tumbling ? size_ns : window.hopping().every_ns();
  if (size_ns <= 0 || every_ns <= 0) return;  // reported already
  check_contents(window, size_ns, path, context);
  if (!tumbling && every_ns >= size_ns) {
    context.refuse(path + ".hopping.every",
                   "expected a duration below size, " + quote_duration(size_ns) + ", got " +
                       quote_duration(every_ns) + "; windows that do not overlap are tumbling");
    return;
  }
  if (size_ns / every_ns > kOverlapMax) {
    context.refuse(path + ".hopping.every", "expected at least a " + std::to_string(kOverlapMax) +
                                                "th of size, " + quote_duration(size_ns) +
                                                ", because every reading is added to each window "
                                                "that holds it, got " +
                                                quote_duration(every_ns));
    return;
  }
  if (window.offset_ns() >= every_ns) {
    context.refuse(path + ".offset", "expected a duration below " + quote_duration(every_ns) +
                                         ", the time from one start to the next, got " +
                                         quote_duration(window.offset_ns()));
  }
  if ((size_ns + window.allowed_lateness_ns()) / every_ns > kKeptMax) {
    context.refuse(path + ".allowed_lateness",
                   "expected so little that at most " + std::to_string(kKeptMax) +
                       " windows of a series are kept: they start every " +
                       quote_duration(every_ns) + ", got " +
                       quote_duration(window.allowed_lateness_ns()));
  }
}

}  // namespace

void check_windows(const v1::PipelineConfig& pipeline, const std::string& path,
                   const RuleContext& context) {
  std::set<std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int64_t>> known;
  for (int i = 0; i < pipeline.windows_size(); ++i) {
    const v1::WindowConfig& window = pipeline.windows(i);
    const std::string at = child_path(path + ".windows", static_cast<std::size_t>(i));
    check_window(window, at, context);
    const bool fresh = known
                           .insert({window.tumbling_ns(), window.hopping().size_ns(),
                                    window.hopping().every_ns(), window.offset_ns()})
                           .second;
    if (!fresh) context.refuse(at, "expected other windows than those before it in the list");
  }
}

}  // namespace sluice::schema
