#pragma once

#include <cstddef>
#include <cstdint>
#include <lua.hpp>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "sluice_plugin.hpp"

namespace sluice::script {

/// Why a reading is dropped: what scripts may say, and at the end what is said of a script that
/// failed.
inline constexpr const char* kRules[] = {"dropped",   "out_of_range", "implausible",  "stuck",
                                         "duplicate", "not_wanted",   "script_failed"};
inline constexpr std::uint16_t kScriptFailed = 6;

/// The series that a script's derived readings belong to; asking the daemon each time costs more.
class DerivedSeries {
 public:
  explicit DerivedSeries(sdk::Host host) : host_(host) {}
  /// As Host::derive_series: a text that is not there is that of `base`; 0 when the node keeps no
  /// more series.
  std::uint32_t find(std::uint32_t base, const std::optional<std::string>& measurement,
                     const std::optional<std::string>& unit);

 private:
  using Key = std::tuple<std::uint32_t, std::optional<std::string>, std::optional<std::string>>;
  sdk::Host host_;
  std::map<Key, std::uint32_t> known_;
};

/// What a script says of one reading.
struct Said {
  sdk::Reading out;
  bool is_altered = false;
  std::optional<std::uint16_t> dropped_by;  ///< index into kRules
  std::vector<sdk::Reading> derived;
  std::vector<sdk::Event> events;
  std::vector<std::string> printed;
  bool uses_state = false;
  std::optional<std::string> state;   ///< only when the script has used it
  std::optional<std::string> shared;  ///< only when the script has used it
};

/// One reading's turn with the script: what it is given, and what it says. Nothing of that counts
/// before the script has ended without an error, but for what it printed.
struct Turn {
  const sdk::Reading& in;
  sdk::Host host;
  DerivedSeries& derived_series;
  std::string_view state;   ///< of the reading's series, as it is kept
  std::string_view shared;  ///< of all series
  std::size_t readings_max;
  std::size_t events_max;
  Said said = {};
};

/// Adds emit, event, drop and print to the table at `globals`, and what `r` is made of to the
/// registry.
void open_turns(lua_State* lua, int globals);

/// Whose turn it is; null while the script loads.
void set_turn(lua_State* lua, Turn* turn);
Turn& turn_of(lua_State* lua);

/// Calls the function on top of the stack with the turn's reading, and writes down in the turn what
/// it said. Raises Lua errors.
void take_turn(lua_State* lua);

/// For the table of globals: reading a name that does not exist. `shared` is found here.
int missing_global(lua_State* lua);

}  // namespace sluice::script
