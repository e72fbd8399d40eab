#include <numeric>
#include <string>
#include <vector>

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

/// What of a window's config was written, by kind.
std::vector<std::string> kinds_of(const v1::WindowConfig& window) {
  std::vector<std::string> kinds;
  if (window.tumbling_ns() > 0) kinds.push_back("tumbling");
  if (window.has_hopping()) kinds.push_back("hopping");
  if (window.has_sliding()) kinds.push_back("sliding");
  if (window.has_session()) kinds.push_back("session");
  if (window.count() > 0) kinds.push_back("count");
  return kinds;
}

std::int64_t size_of(const v1::WindowConfig& window) {
  if (window.has_hopping()) return window.hopping().size_ns();
  if (window.has_sliding()) return window.sliding().size_ns();
  if (window.has_session()) return window.session().gap_ns();
  return window.tumbling_ns();
}

/// The rules of one window.
struct WindowCheck {
  const v1::WindowConfig& window;
  const std::string& path;
  const RuleContext& context;
  std::string kind;

  void refuse(const std::string& key, std::string message) const {
    context.refuse(path + "." + key, std::move(message));
  }
  /// `written`: it has a value other than its default.
  void only_of(bool written, const std::string& key, const std::string& kinds) const {
    if (!written || kinds.find(kind) != std::string::npos) return;
    refuse(key, "expected only with " + kinds + ", got it with " + kind);
  }

  void check_which() const {
    only_of(window.offset_ns() > 0, "offset", "tumbling and hopping");
    only_of(window.empty(), "empty", "tumbling and hopping");
    only_of(!window.time_zone().empty(), "time_zone", "tumbling");
    only_of(window.early_every_ns() > 0, "early_every", "tumbling, hopping and session");
    const std::string timed = "tumbling, hopping, sliding and session";
    only_of(window.allowed_lateness_ns() > 0, "allowed_lateness", timed);
    only_of(window.expected_every_ns() > 0, "expected_every", timed);
  }

  /// A share of more than 1 reading in each window, else coverage is either 0 or 1.
  void check_contents() const {
    const std::int64_t size_ns = size_of(window);
    if (kind != "count" && window.expected_every_ns() > size_ns) {
      refuse("expected_every", std::string("expected at most the ") +
                                   (kind == "session" ? "gap" : "length of a window") + ", " +
                                   quote_duration(size_ns) + ", got " +
                                   quote_duration(window.expected_every_ns()));
    }
    if (kind != "session" && window.early_every_ns() >= size_ns && window.early_every_ns() > 0) {
      refuse("early_every", "expected a duration below the length of a window, " +
                                quote_duration(size_ns) + ", got " +
                                quote_duration(window.early_every_ns()));
    }
    if (window.has_aggregates()) {
      check_counter();
      check_plugins();
    }
  }

  void check_plugins() const {
    for (int i = 0; i < window.aggregates().plugins_size(); ++i) {
      const v1::PluginAggregateConfig& plugin = window.aggregates().plugins(i);
      if (plugin.isolation() != v1::StageConfig::ISOLATION_PROCESS) continue;
      refuse("aggregates.plugins[" + std::to_string(i) + "].isolation",
             "expected auto or none: every reading goes to its aggregates at once, so these run in "
             "the daemon, got process");
    }
  }

  void check_counter() const {
    const v1::CounterConfig& counter = window.aggregates().counter();
    const std::uint32_t bits = counter.wrap_bits();
    if (bits != 0 && bits != 16 && bits != 32 && bits != 64) {
      refuse("aggregates.counter.wrap_bits",
             "expected 0, 16, 32 or 64, got " + quote(std::to_string(bits)));
    }
    if (bits == 0 && counter.wrap_rate_max() > 0) {
      refuse("aggregates.counter.wrap_rate_max",
             "expected wrap_bits beside it: a counter that never starts over has no wraps");
    }
  }

  /// A name of a file in the time zone database, and of nothing else.
  void check_zone() const {
    const std::string& zone = window.time_zone();
    const bool is_plain =
        zone.find_first_not_of(
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/") ==
            std::string::npos &&
        zone.front() != '/';
    if (is_plain) return;
    refuse("time_zone",
           "expected a name such as Europe/Berlin or America/New_York, got " + quote(zone));
  }

  /// False when it was refused.
  bool check_overlap(std::int64_t size_ns, std::int64_t every_ns) const {
    if (kind == "hopping" && every_ns >= size_ns) {
      refuse("hopping.every", "expected a duration below size, " + quote_duration(size_ns) +
                                  ", got " + quote_duration(every_ns) +
                                  "; windows that do not overlap are tumbling");
      return false;
    }
    if (kind == "sliding" && every_ns > size_ns) {
      refuse("sliding.every", "expected at most size, " + quote_duration(size_ns) + ", got " +
                                  quote_duration(every_ns) +
                                  "; readings in between would be in no window");
      return false;
    }
    if (kind != "hopping" || size_ns / every_ns <= kOverlapMax) return true;
    refuse("hopping.every", "expected at least a " + std::to_string(kOverlapMax) + "th of size, " +
                                quote_duration(size_ns) +
                                ", because every reading is added to each window that holds it, "
                                "got " +
                                quote_duration(every_ns));
    return false;
  }

  void check_places() const {
    const std::int64_t size_ns = size_of(window);
    const std::int64_t every_ns = kind == "hopping"   ? window.hopping().every_ns()
                                  : kind == "sliding" ? window.sliding().every_ns()
                                                      : size_ns;
    if (size_ns <= 0 || every_ns <= 0) return;  // reported already
    if (!check_overlap(size_ns, every_ns)) return;
    if (window.offset_ns() >= every_ns) {
      refuse("offset", "expected a duration below " + quote_duration(every_ns) +
                           ", the time from one start to the next, got " +
                           quote_duration(window.offset_ns()));
    }
    if ((size_ns + window.allowed_lateness_ns()) / every_ns > kKeptMax) {
      refuse("allowed_lateness", "expected so little that at most " + std::to_string(kKeptMax) +
                                     " windows of a series are kept: they start every " +
                                     quote_duration(every_ns) + ", got " +
                                     quote_duration(window.allowed_lateness_ns()));
    }
  }
};

/// What tells a set's windows from another's.
v1::WindowConfig place_of(v1::WindowConfig window) {
  window.clear_allowed_lateness_ns();
  window.clear_expected_every_ns();
  window.clear_aggregates();
  window.clear_early_every_ns();
  window.clear_empty();
  if (window.has_sliding()) {
    window.mutable_sliding()->clear_every_ns();
    window.mutable_sliding()->clear_readings_max();
  }
  if (window.count() > 0) window.set_count(1);
  return window;
}

/// Hopping windows of one length are the same wherever both sets have a start.
bool hop_together(const v1::WindowConfig& a, const v1::WindowConfig& b) {
  if (!a.has_hopping() || !b.has_hopping()) return false;
  if (a.hopping().size_ns() != b.hopping().size_ns()) return false;
  const std::int64_t step = std::gcd(a.hopping().every_ns(), b.hopping().every_ns());
  return step > 0 && (a.offset_ns() - b.offset_ns()) % step == 0;
}

/// Hours are the same in most zones, days in those whose clocks agree, if only in winter.
bool differ_by_zone_alone(const v1::WindowConfig& a, const v1::WindowConfig& b) {
  return a.tumbling_ns() > 0 && a.tumbling_ns() == b.tumbling_ns() &&
         a.time_zone() != b.time_zone();
}

/// Of two sets with the same windows, nobody could tell which pane is whose. False when it was
/// refused.
bool check_pair(const v1::WindowConfig& window, const v1::WindowConfig& before,
                const std::string& path, const RuleContext& context) {
  const bool same = place_of(window).SerializeAsString() == place_of(before).SerializeAsString();
  if (same || hop_together(window, before)) {
    context.refuse(path, "expected other windows than those before it in the list");
    return false;
  }
  if (differ_by_zone_alone(window, before)) {
    context.refuse(path, "expected another length than " + quote_duration(window.tumbling_ns()) +
                             ", which the list has in another time zone: such windows may be the "
                             "same; a pipeline of its own can have them");
    return false;
  }
  return true;
}

void check_window(const v1::WindowConfig& window, const std::string& path,
                  const RuleContext& context) {
  const std::vector<std::string> kinds = kinds_of(window);
  const auto is_refused = [&](const char* key) { return context.places.has(path + "." + key); };
  if (kinds.empty() && (is_refused("tumbling") || is_refused("count"))) return;  // reported already
  if (kinds.size() != 1) {
    context.refuse(
        path, kinds.empty() ? "expected tumbling: DURATION, hopping: {size, every}, "
                              "sliding: {size, every}, session: {gap} or count: NUMBER"
                            : "expected one kind of windows, got " + kinds[0] + " and " + kinds[1]);
    return;
  }
  const WindowCheck check{window, path, context, kinds[0]};
  check.check_which();
  if (!window.time_zone().empty()) check.check_zone();
  if (kinds[0] != "count" && size_of(window) <= 0) return;  // reported already
  check.check_contents();
  if (kinds[0] != "count") check.check_places();
}

/// Growth and time in a state go from one reading of a series to its next: between readings of two
/// series they would be numbers that look right.
void check_of_one_series(const v1::WindowConfig& window, const std::string& path,
                         const RuleContext& context) {
  const auto refuse = [&](const char* key) {
    context.refuse(path + ".aggregates." + key,
                   "expected a pipeline without key_by, got one in whose windows several series "
                   "meet; leave key_by out here, and let `sluicectl hub query --by` merge");
  };
  if (window.aggregates().has_counter()) refuse("counter");
  if (window.aggregates().has_states()) refuse("states");
}

}  // namespace

void check_windows(const v1::PipelineConfig& pipeline, const std::string& path,
                   const RuleContext& context) {
  for (int i = 0; i < pipeline.windows_size(); ++i) {
    const v1::WindowConfig& window = pipeline.windows(i);
    const std::string at = child_path(path + ".windows", static_cast<std::size_t>(i));
    check_window(window, at, context);
    if (pipeline.has_key_by()) check_of_one_series(window, at, context);
    for (int j = 0; j < i && check_pair(window, pipeline.windows(j), at, context);) ++j;
  }
}

}  // namespace sluice::schema
