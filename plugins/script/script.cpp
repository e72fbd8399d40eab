#include <ctime>
#include <optional>
#include <string>
#include <unordered_map>

#include "sluice_plugin.hpp"
#include "vm.hpp"

namespace {

using namespace sluice::sdk;
using sluice::script::DerivedSeries;
using sluice::script::Limits;
using sluice::script::Turn;
using sluice::script::Vm;

/// A function in Lua that sees one reading at a time; README.md tells how to write one.
///
/// The states are kept here, as bytes. A reading whose script fails changes none of them, and costs
/// a new Vm: so nothing half done is left, and a replay meets what the first run met.
class Script {
 public:
  static constexpr auto& kRules = sluice::script::kRules;
  static constexpr Metadata kMetadata{
      .name = "script",
      .version = "1.0.0",
      .description = "Runs a script in Lua: passes, alters, drops or derives readings, and tells.",
      .config_schema = R"({
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "required": ["script"],
  "properties": {
    "script": {"type": "string", "minLength": 1, "maxLength": 32768,
      "description": "Lua 5.4 that defines on_reading(r)."},
    "params": {"type": "object", "additionalProperties": true,
      "description": "Numbers, strings and booleans that the script finds in the table params."},
    "ordered": {"type": "boolean", "default": true,
      "description": "Each source's readings come by event time. false: as they arrived."},
    "on_error": {"type": "string", "enum": ["drop", "flag"], "default": "drop",
      "description": "A reading whose script fails. flag: let it pass with quality bad."},
    "instructions_max": {"type": "integer", "default": 50000, "minimum": 1000,
      "maximum": 10000000, "unit": "instructions",
      "description": "Work that one reading may take, of Lua's virtual machine."},
    "memory_max": {"type": "integer", "default": 1048576, "minimum": 131072,
      "maximum": 67108864, "unit": "bytes", "description": "Memory of the script."},
    "state_max": {"type": "integer", "default": 4096, "minimum": 64, "maximum": 65536,
      "unit": "bytes", "description": "Size of one state: of each series, and of shared."}
  }
})",
      .state_bytes_per_series = 4096};

  Script(const Config& config, Host host)
      : host_(host),
        derived_series_(host),
        limits_(limits(config)),
        script_(config.string("script").value_or("")),
        params_(config.table("params")),
        ordered_(config.boolean("ordered").value_or(true)),
        flags_failed_(config.string("on_error") == "flag"),
        vm_(std::in_place, limits_, script_, params_) {}

  bool ordered() const { return ordered_; }

  Verdict on_reading(const Reading& in, Call& call) {
    Turn turn = turn_of(in, call);
    Vm::Outcome outcome = run(turn);
    for (const std::string& line : turn.said.printed) host_.log(SLUICE_LOG_INFO, line);
    if (outcome == Vm::Outcome::done && !keep_states(turn)) outcome = Vm::Outcome::failed;
    if (outcome != Vm::Outcome::done) return reject(in, call);
    for (const Reading& reading : turn.said.derived) call.emit(reading);
    for (const Event& event : turn.said.events) call.emit(event);
    if (turn.said.dropped_by) return drop(*turn.said.dropped_by);
    return turn.said.is_altered ? call.alter(turn.said.out) : pass();
  }

  void snapshot(StateWriter& w) const {
    w.text(shared_);
    write_by_series(w, states_, [&w](const std::string& state) { w.text(state); });
    w.seal();
  }

  void restore(StateReader& r, std::string_view) {
    r.unseal();
    shared_ = checked_state(r.text());
    states_bytes_ = shared_.size();
    read_by_series(r, 16, states_, [this, &r](std::uint32_t, std::string& state) {
      state = checked_state(r.text());
      states_bytes_ += kept_bytes(state);
    });
  }

 private:
  /// A snapshot has some fields besides.
  static constexpr std::size_t kStatesBytesMax = SLUICE_SNAPSHOT_BYTES_MAX - 64;

  static Limits limits(const Config& config) {
    const Limits defaults;
    const auto number = [&config](const char* key, std::uint64_t preset) {
      const auto value = config.number(key);
      return value ? static_cast<std::uint64_t>(*value) : preset;
    };
    return {number("instructions_max", defaults.instructions_max),
            number("memory_max", defaults.memory_max), number("state_max", defaults.state_max)};
  }

  Turn turn_of(const Reading& in, const Call& call) {
    const auto state = states_.find(in.series);
    return {.in = in,
            .host = host_,
            .derived_series = derived_series_,
            .state = state == states_.end() ? std::string_view() : state->second,
            .shared = shared_,
            .readings_max = call.readings_left(),
            .events_max = call.events_left()};
  }

  Vm::Outcome run(Turn& turn) {
    // What has loaded once loads again, unless the machine had no memory the last time.
    if (!vm_) vm_.emplace(limits_, script_, params_);
    Vm::Outcome outcome = vm_->run(turn);
    if (outcome == Vm::Outcome::unsure) {
      vm_.emplace(limits_, script_, params_);
      outcome = vm_->run(turn);
    }
    if (outcome != Vm::Outcome::done) {
      why_ = vm_->why();
      vm_.emplace(limits_, script_, params_);
    }
    return outcome;
  }

  Verdict reject(const Reading& in, Call& call) const {
    host_.log(SLUICE_LOG_ERROR, why_ + " (" + std::string(host_.measurement(in.series)) +
                                    ", series " + std::to_string(in.series) + ", time " +
                                    time_text(in.event_time_ns) + ")");
    if (!flags_failed_) return drop(sluice::script::kScriptFailed);
    Reading flagged = in;
    flagged.quality = SLUICE_QUALITY_BAD;
    return call.alter(flagged);
  }
  static std::string time_text(std::int64_t time_ns) {
    const auto seconds = static_cast<std::time_t>(time_ns / 1'000'000'000);
    std::tm utc{};
    gmtime_r(&seconds, &utc);
    char date[32];
    std::strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc);
    const std::string fraction = std::to_string(1'000'000'000 + time_ns % 1'000'000'000);
    return std::string(date) + "." + fraction.substr(1) + "Z";
  }

  /// Of a state in a snapshot: with its series, its length, and what fills it up.
  static std::size_t kept_bytes(std::string_view state) {
    return state.empty() ? 0 : state.size() + 24;
  }

  /// False, and nothing is kept, when the states would no longer fit into a snapshot.
  bool keep_states(Turn& turn) {
    std::size_t bytes = states_bytes_;
    if (turn.said.state) bytes += kept_bytes(*turn.said.state) - kept_bytes(turn.state);
    if (turn.said.shared) bytes += turn.said.shared->size() - shared_.size();
    if (bytes > kStatesBytesMax) {
      why_ = "script: all states together would be more than " + std::to_string(kStatesBytesMax) +
             " bytes";
      return false;
    }
    states_bytes_ = bytes;
    if (turn.said.shared) shared_ = *std::move(turn.said.shared);
    if (!turn.said.state) return true;
    if (turn.said.state->empty()) {
      states_.erase(turn.in.series);
    } else {
      states_[turn.in.series] = *std::move(turn.said.state);
    }
    return true;
  }
  std::string checked_state(std::string state) {
    if (vm_->is_state(state)) return state;
    throw std::invalid_argument("a state in the snapshot: " + vm_->why());
  }

  Host host_;
  DerivedSeries derived_series_;
  const Limits limits_;
  const std::string script_;
  const Config::Table params_;
  const bool ordered_;
  const bool flags_failed_;
  std::optional<Vm> vm_;
  std::string why_;
  std::string shared_;
  std::size_t states_bytes_ = 0;  ///< of all of them in a snapshot
  std::unordered_map<std::uint32_t, std::string> states_;
};

}  // namespace

SLUICE_PLUGIN(Script)
