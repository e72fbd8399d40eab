#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

#include "condition.hpp"
#include "message.hpp"
#include "sluice_plugin.hpp"

namespace sluice::alert {
namespace {

using namespace sluice::sdk;

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kNotDue = std::numeric_limits<std::int64_t>::max();
/// The last time that a reading or an event can have.
constexpr std::int64_t kTimeMax = 9'191'749'636'854'775'807;

/// A point in time `ns` later, both from 0 on.
std::int64_t later(std::int64_t time_ns, std::int64_t ns) {
  return ns > kTimeMax - time_ns ? kTimeMax : time_ns + ns;
}

bool in_boot_time(std::uint32_t source) { return (source & SLUICE_SOURCE_BOOT_TIME) != 0; }

std::uint8_t severity_of(const std::string& name) {
  constexpr std::pair<std::string_view, std::uint8_t> kSeverities[] = {
      {"info", SLUICE_SEVERITY_INFO},
      {"warn", SLUICE_SEVERITY_WARN},
      {"error", SLUICE_SEVERITY_ERROR},
      {"fatal", SLUICE_SEVERITY_FATAL}};
  for (const auto& [known, severity] : kSeverities) {
    if (name == known) return severity;
  }
  throw std::invalid_argument("severity: expected info, warn, error or fatal");
}

/// Tells when a condition on the readings of a series begins and ends, and when there are none.
///
/// A reading's answer counts until the next one. So what is due at some time (the condition has
/// held for long enough, or has not, or nothing came) is due whether a later reading shows it or
/// the watermark, and has that time as its own.
class Alert {
 public:
  static constexpr Metadata kMetadata{
      .name = "alert",
      .version = "1.0.0",
      .description = "Tells when a condition on a series begins and ends, and when no data comes.",
      .config_schema = R"({
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "when": {"type": "string", "minLength": 1, "maxLength": 256,
      "description": "What is alerted: value or rate (per s) against numbers, joined by and, or."},
    "clear_when": {"type": "string", "minLength": 1, "maxLength": 256,
      "description": "What ends a begun alert; by default that `when` does not hold."},
    "for_s": {"type": "number", "default": 0, "minimum": 0, "maximum": 31536000, "unit": "s",
      "description": "The alert begins once `when` has held this long without interruption."},
    "keep_firing_for_s": {"type": "number", "default": 0, "minimum": 0, "maximum": 31536000,
      "unit": "s", "description": "The alert ends once it has been cleared this long."},
    "hold_off_s": {"type": "number", "default": 0, "minimum": 0, "maximum": 31536000,
      "unit": "s", "description": "After an end no alert of the series begins for this long."},
    "no_data_after_s": {"type": "number", "exclusiveMinimum": 0, "maximum": 31536000, "unit": "s",
      "description": "NAME_no_data begins when a series has had no good reading this long."},
    "severity": {"type": "string", "enum": ["info", "warn", "error", "fatal"], "default": "warn",
      "description": "Of what begins; an end is info."},
    "name": {"type": "string", "default": "alert", "minLength": 1, "maxLength": 56,
      "description": "Of the events: a-z, 0-9 and _."},
    "message": {"type": "string", "default": "{measurement} is {value}: {when}", "minLength": 1,
      "maxLength": 512,
      "description": "Of a begin; also {threshold}, {since} and {label.NAME} are filled in."}
  }
})",
      .state_bytes_per_series = 256,
      .ordered = true};

  Alert(const Config& config, Host host)
      : host_(host),
        for_ns_(nanoseconds(config, "for_s")),
        keep_ns_(nanoseconds(config, "keep_firing_for_s")),
        hold_off_ns_(nanoseconds(config, "hold_off_s")),
        no_data_ns_(nanoseconds(config, "no_data_after_s")),
        severity_(severity_of(config.string("severity").value_or("warn"))),
        name_(config.string("name").value_or("alert")),
        message_(config.string("message").value_or("{measurement} is {value}: {when}")) {
    constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyz0123456789_";
    if (name_.find_first_not_of(kAllowed) != std::string::npos) {
      throw std::invalid_argument("name: expected a-z, 0-9 and _ only");
    }
    read_conditions(config);
  }

  Verdict on_reading(const Reading& in, Call& call) {
    if (in.quality != SLUICE_QUALITY_GOOD) return pass();
    const auto [it, is_new] = watches_.try_emplace(in.series);
    Watch& watch = it->second;
    if (is_new) {
      watch.last_ns = in.event_time_ns;
    } else if (is_other_time(watch, in)) {
      change_time(watch, in.event_time_ns);
    } else if (in.event_time_ns < watch.last_ns) {
      return pass();  // another source's: what is newer has been judged
    } else {
      tell_due(in.series, watch, in.event_time_ns, call);
    }
    hear(watch, in);
    if (watch.is_silent) end_silence(in.series, watch, call);
    judge(watch);
    tell_due(in.series, watch, in.event_time_ns + 1, call);
    schedule(in.series, watch);
    return pass();
  }

  /// Strictly before the watermark: at the very time a reading may still come and decide.
  void on_time(std::int64_t watermark_ns, Call& call) {
    watermark_ns_ = std::max(watermark_ns_, watermark_ns);
    while (!schedule_.empty() && schedule_.begin()->first < watermark_ns_ &&
           call.events_left() > 0) {
      const auto [scheduled_ns, series] = *schedule_.begin();
      schedule_.erase(schedule_.begin());
      Watch& watch = watches_.at(series);
      watch.scheduled_ns = kNotDue;
      // Readings may have put off what was due then.
      if (due_watermark_ns(watch) == scheduled_ns) {
        tell_due(series, watch, scheduled_ns - watch.lag_ns + 1, call);
      }
      schedule(series, watch);
    }
  }

  void snapshot(StateWriter& w) const {
    w.i64(watermark_ns_);
    write_by_series(w, watches_, [&w](const Watch& watch) {
      w.i64(watch.last_ns);
      w.i64(watch.lag_ns);
      w.f64(watch.value);
      w.f64(watch.rate);
      w.i64(watch.since_ns);
      w.i64(watch.cleared_ns);
      w.i64(watch.told_ns);
      w.i64(watch.silent_ns);
      w.u64(watch.source | (static_cast<std::uint64_t>(watch.phase) << 32) |
            (static_cast<std::uint64_t>(watch.is_boolean) << 40) |
            (static_cast<std::uint64_t>(watch.is_silent) << 41));
    });
    w.seal();
  }

  void restore(StateReader& r, std::string_view) {
    r.unseal();
    watermark_ns_ = r.i64();
    read_by_series(r, 80, watches_, [this, &r](std::uint32_t series, Watch& watch) {
      watch.last_ns = r.i64();
      watch.lag_ns = r.i64();
      watch.value = r.f64();
      watch.rate = r.f64();
      watch.since_ns = r.i64();
      watch.cleared_ns = r.i64();
      watch.told_ns = r.i64();
      watch.silent_ns = r.i64();
      const std::uint64_t small = r.u64();
      watch.source = static_cast<std::uint32_t>(small);
      watch.phase = static_cast<Phase>((small >> 32) & 3);
      watch.is_boolean = ((small >> 40) & 1) != 0;
      watch.is_silent = ((small >> 41) & 1) != 0;
      schedule(series, watch);
    });
  }

 private:
  enum class Phase : std::uint8_t {
    clear,
    waiting,  ///< `when` holds, the alert has not begun
    firing,
    clearing  ///< cleared, the alert has not ended
  };

  /// What is known of one series. Times are its readings', which may be behind the watermark.
  struct Watch {
    std::int64_t last_ns = 0;
    /// How far the last reading lay behind the watermark. The series' own time goes on from its
    /// last reading as the watermark rises from there.
    std::int64_t lag_ns = 0;
    double value = 0;
    double rate = NAN;                 ///< NaN: not known
    std::int64_t since_ns = kNever;    ///< waiting, firing: `when` holds
    std::int64_t cleared_ns = kNever;  ///< clearing: it was cleared
    std::int64_t told_ns = kNever;     ///< of the last begin or end
    std::int64_t silent_ns = kNever;   ///< of the last begin of silence
    std::int64_t scheduled_ns = kNotDue;
    std::uint32_t source = 0;
    Phase phase = Phase::clear;
    bool is_boolean = false;
    bool is_silent = false;  ///< that there is no data was told, and not yet that there is

    Facts facts() const {
      return {value, std::isnan(rate) ? std::nullopt : std::optional<double>(rate)};
    }
  };

  static std::int64_t nanoseconds(const Config& config, const std::string& key) {
    return static_cast<std::int64_t>(std::ceil(config.number(key).value_or(0) * 1e9));
  }

  void read_conditions(const Config& config) {
    const auto when = config.string("when");
    const auto clear_when = config.string("clear_when");
    if (when) {
      when_ = Condition::parse("when", *when);
      if (clear_when) clear_when_ = Condition::parse("clear_when", *clear_when);
      return check_conditions(*when_, clear_when_ ? &*clear_when_ : nullptr);
    }
    if (no_data_ns_ == 0) {
      throw std::invalid_argument("nothing to tell: set when, no_data_after_s or both");
    }
    if (clear_when || for_ns_ > 0 || keep_ns_ > 0 || hold_off_ns_ > 0) {
      throw std::invalid_argument(
          "clear_when, for_s, keep_firing_for_s and hold_off_s belong to a condition: set when");
    }
  }

  // --- what a reading says ---

  /// Whether the times of the last reading and of this one do not compare. The stage is ordered: a
  /// source whose boot time goes back tells of another boot.
  static bool is_other_time(const Watch& watch, const Reading& in) {
    if (in_boot_time(watch.source) != in_boot_time(in.source)) return true;
    return in_boot_time(in.source) && watch.source == in.source && in.event_time_ns < watch.last_ns;
  }

  /// From event time to boot time or back, or to another boot, there is no telling how long it was:
  /// what takes time starts anew.
  static void change_time(Watch& watch, std::int64_t time_ns) {
    watch.last_ns = time_ns;
    watch.since_ns = watch.phase == Phase::waiting ? time_ns : kNever;
    if (watch.phase == Phase::clearing) watch.cleared_ns = time_ns;
    watch.told_ns = watch.silent_ns = kNever;
  }

  void hear(Watch& watch, const Reading& in) const {
    const double seconds = static_cast<double>(in.event_time_ns - watch.last_ns) / 1e9;
    watch.rate = seconds > 0 ? (in.value() - watch.value) / seconds : NAN;
    watch.value = in.value();
    watch.is_boolean = in.kind == SLUICE_KIND_BOOLEAN;
    watch.last_ns = in.event_time_ns;
    watch.lag_ns = watermark_ns_ > in.event_time_ns ? watermark_ns_ - in.event_time_ns : 0;
    watch.source = in.source;
  }

  void judge(Watch& watch) const {
    const auto holds = when_ ? when_->holds(watch.facts()) : std::nullopt;
    if (!holds) return;
    if (*holds) {
      if (watch.phase == Phase::clear) {
        watch.phase = Phase::waiting;
        watch.since_ns = watch.last_ns;
      }
      if (watch.phase == Phase::clearing) watch.phase = Phase::firing;
    } else if (watch.phase == Phase::waiting) {
      watch.phase = Phase::clear;
    } else if (watch.phase == Phase::firing && is_cleared(watch)) {
      watch.phase = Phase::clearing;
      // The watermark may have told the begin before this reading came.
      watch.cleared_ns = std::max(watch.last_ns, watch.told_ns);
    }
  }

  /// Of a watch whose `when` does not hold.
  bool is_cleared(const Watch& watch) const {
    return !clear_when_ || clear_when_->holds(watch.facts()).value_or(false);
  }

  // --- what time brings ---

  /// When the phase is over, if no reading says otherwise.
  std::int64_t phase_due_ns(const Watch& watch) const {
    if (watch.phase == Phase::clearing) return later(watch.cleared_ns, keep_ns_);
    if (watch.phase != Phase::waiting) return kNotDue;
    const std::int64_t held_ns = later(watch.since_ns, for_ns_);
    return watch.told_ns == kNever ? held_ns
                                   : std::max(held_ns, later(watch.told_ns, hold_off_ns_));
  }
  std::int64_t silence_due_ns(const Watch& watch) const {
    return no_data_ns_ == 0 || watch.is_silent ? kNotDue : later(watch.last_ns, no_data_ns_);
  }
  /// The watermark at which something is due. In boot time there is none.
  std::int64_t due_watermark_ns(const Watch& watch) const {
    const std::int64_t due_ns = std::min(phase_due_ns(watch), silence_due_ns(watch));
    if (in_boot_time(watch.source) || due_ns > kNotDue - watch.lag_ns) return kNotDue;
    return due_ns + watch.lag_ns;
  }

  /// Readings mostly put off what is due; the entry stays then, and on_time() sees that it is not.
  void schedule(std::uint32_t series, Watch& watch) {
    const std::int64_t due_ns = due_watermark_ns(watch);
    if (due_ns >= watch.scheduled_ns) return;
    if (watch.scheduled_ns != kNotDue) schedule_.erase({watch.scheduled_ns, series});
    schedule_.emplace(due_ns, series);
    watch.scheduled_ns = due_ns;
  }

  /// Tells what is due before `end_ns`, the series' time. Where a call can tell no more events, a
  /// later one does, with the same time.
  void tell_due(std::uint32_t series, Watch& watch, std::int64_t end_ns, Call& call) const {
    while (call.events_left() > 0) {
      const std::int64_t phase_ns = phase_due_ns(watch);
      const std::int64_t silence_ns = silence_due_ns(watch);
      if (std::min(phase_ns, silence_ns) >= end_ns) return;
      if (silence_ns < phase_ns) {
        begin_silence(series, watch, silence_ns, call);
      } else {
        end_phase(series, watch, phase_ns, call);
      }
    }
  }

  void end_phase(std::uint32_t series, Watch& watch, std::int64_t time_ns, Call& call) const {
    const bool begins = watch.phase == Phase::waiting;
    watch.phase = begins ? Phase::firing : Phase::clear;
    watch.told_ns = time_ns;
    const std::string text = begins ? begin_text(series, watch) : end_text(series, watch);
    Event event = event_of(series, watch, time_ns, name_, text);
    event.severity(begins ? severity_ : SLUICE_SEVERITY_INFO)
        .phase(begins ? SLUICE_PHASE_BEGIN : SLUICE_PHASE_END)
        .attribute("value", value_text(watch))
        .attribute("threshold", number_text(when_->threshold(watch.facts())))
        .attribute("when", when_->text());
    if (clear_when_) event.attribute("clear_when", clear_when_->text());
    if (!std::isnan(watch.rate) && when_->uses_rate()) {
      event.attribute("rate", number_text(watch.rate));
    }
    if (has_since(watch)) event.attribute("since", utc_text(watch.since_ns));
    call.emit(event);
  }

  /// Of a condition that waited nobody knows any more whether it holds.
  void begin_silence(std::uint32_t series, Watch& watch, std::int64_t time_ns, Call& call) const {
    watch.is_silent = true;
    watch.silent_ns = time_ns;
    if (watch.phase == Phase::waiting) watch.phase = Phase::clear;
    Event event = event_of(series, watch, time_ns, name_ + "_no_data",
                           "no reading of " + measurement(series) + " for " +
                               number_text(static_cast<double>(no_data_ns_) / 1e9) + " s");
    event.severity(severity_).phase(SLUICE_PHASE_BEGIN).attribute("value", value_text(watch));
    if (!in_boot_time(watch.source)) event.attribute("since", utc_text(watch.last_ns));
    call.emit(event);
  }

  void end_silence(std::uint32_t series, Watch& watch, Call& call) const {
    if (call.events_left() == 0) return;  // the next reading does
    watch.is_silent = false;
    Event event =
        event_of(series, watch, std::max(watch.last_ns, watch.silent_ns), name_ + "_no_data",
                 measurement(series) + " is " + value_text(series, watch) + ": data again");
    event.severity(SLUICE_SEVERITY_INFO)
        .phase(SLUICE_PHASE_END)
        .attribute("value", value_text(watch));
    call.emit(event);
  }

  // --- words ---

  static Event event_of(std::uint32_t series, const Watch& watch, std::int64_t time_ns,
                        const std::string& name, const std::string& message) {
    Reading about;
    about.series = series;
    about.source = watch.source;
    about.event_time_ns = time_ns;
    // A label that is empty may leave nothing.
    return {about, name, message.empty() ? name : cut(message, SLUICE_MESSAGE_BYTES_MAX)};
  }

  std::string begin_text(std::uint32_t series, const Watch& watch) const {
    return message_.fill([&](MessageTemplate::Place place, const std::string& name) {
      return place_text(series, watch, place, name);
    });
  }
  std::string end_text(std::uint32_t series, const Watch& watch) const {
    return measurement(series) + " is " + value_text(series, watch) + ": no longer " +
           when_->text();
  }
  std::string place_text(std::uint32_t series, const Watch& watch, MessageTemplate::Place place,
                         const std::string& name) const {
    switch (place) {
      case MessageTemplate::Place::measurement: return measurement(series);
      case MessageTemplate::Place::value: return value_text(series, watch);
      case MessageTemplate::Place::threshold: return number_text(when_->threshold(watch.facts()));
      case MessageTemplate::Place::when: return when_->text();
      case MessageTemplate::Place::since: return has_since(watch) ? utc_text(watch.since_ns) : "";
      case MessageTemplate::Place::label: return std::string(host_.label(series, name.c_str()));
      case MessageTemplate::Place::text: break;
    }
    return name;
  }
  std::string measurement(std::uint32_t series) const {
    return std::string(host_.measurement(series));
  }
  static std::string value_text(const Watch& watch) {
    if (watch.is_boolean) return watch.value != 0 ? "true" : "false";
    return number_text(watch.value);
  }
  std::string value_text(std::uint32_t series, const Watch& watch) const {
    const std::string_view unit = host_.unit(series);
    return value_text(watch) + (unit.empty() ? "" : " " + std::string(unit));
  }
  /// What is counted from a boot is no date.
  static bool has_since(const Watch& watch) {
    return watch.since_ns != kNever && !in_boot_time(watch.source);
  }

  const Host host_;
  const std::int64_t for_ns_;
  const std::int64_t keep_ns_;
  const std::int64_t hold_off_ns_;
  const std::int64_t no_data_ns_;  ///< 0: silence is not told
  const std::uint8_t severity_;
  const std::string name_;
  const MessageTemplate message_;
  std::optional<Condition> when_;
  std::optional<Condition> clear_when_;

  std::int64_t watermark_ns_ = kNever;
  std::unordered_map<std::uint32_t, Watch> watches_;
  /// At which watermark to look at which series.
  std::set<std::pair<std::int64_t, std::uint32_t>> schedule_;
};

}  // namespace
}  // namespace sluice::alert

SLUICE_PLUGIN(sluice::alert::Alert)
