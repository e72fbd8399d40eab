#include "turn.hpp"

#include <span>
#include <utility>

#include "frozen.hpp"
#include "library.hpp"
#include "meter.hpp"
#include "state_codec.hpp"
#include "values.hpp"

namespace sluice::script {
namespace {

using sdk::Reading;

constexpr std::size_t kPrintedMax = 20;
constexpr std::size_t kMeasurementBytesMax = 128;
constexpr std::size_t kUnitBytesMax = 64;
constexpr const char* kQualities[] = {"good", "uncertain", "bad"};
/// Of `r`: those that are not asked for every time come first, the others are always set.
constexpr const char* kFields[] = {"measurement", "unit",    "labels", "state",  "boot_time",
                                   "value",       "quality", "time",   "time_ns"};

// Their addresses are keys in Lua's registry.
const char kReadingMeta = 0;  ///< the metatable of `r`
const char kLabels = 0;       ///< r.labels, the same for all readings
const char kShared = 0;       ///< the turn's table `shared`, once it was asked for

// --- functions that scripts call ---

/// emit(measurement, value [, unit])
int emit(lua_State* lua) {
  Turn& turn = turn_of(lua);
  const std::string measurement =
      take_text(lua, 1, "emit: the measurement", 1, kMeasurementBytesMax);
  Reading out = turn.in;
  take_value(lua, 2, "emit: the value", out);
  std::optional<std::string> unit;
  if (!lua_isnoneornil(lua, 3)) unit = take_text(lua, 3, "emit: the unit", 0, kUnitBytesMax);
  if (turn.said.derived.size() >= turn.readings_max) {
    return luaL_error(lua, "emit: no call derives more than %d readings",
                      static_cast<int>(SLUICE_DERIVED_MAX));
  }
  out.series = turn.derived_series.find(turn.in.series, measurement, unit);
  // Where the node keeps no more series, it says so itself.
  if (out.series != 0) turn.said.derived.push_back(out);
  return 0;
}

constexpr const char* kSeverities[] = {"info", "warn", "error", "fatal"};
constexpr std::uint8_t kSeverityNumbers[] = {SLUICE_SEVERITY_INFO, SLUICE_SEVERITY_WARN,
                                             SLUICE_SEVERITY_ERROR, SLUICE_SEVERITY_FATAL};
constexpr const char* kPhases[] = {"moment", "begin", "end"};  // numbered as in the contract

void take_attributes(lua_State* lua, int table, sdk::Event& event) {
  const SortedKeys keys = sorted_keys(lua, table);
  if (keys.size() != keys.strings.size() || keys.odd_type != nullptr) {
    luaL_error(lua, "event: a key of the attributes is not a string");
  }
  if (keys.size() > SLUICE_ATTRIBUTES_MAX) {
    luaL_error(lua, "event: more than %d attributes", static_cast<int>(SLUICE_ATTRIBUTES_MAX));
  }
  for (const std::string_view key : keys.strings) {
    lua_pushlstring(lua, key.data(), key.size());
    std::string name = take_name(lua, -1, "event: the key of an attribute");
    lua_rawget(lua, table);
    const int type = lua_type(lua, -1);
    if (type != LUA_TSTRING && type != LUA_TNUMBER && type != LUA_TBOOLEAN) {
      luaL_error(lua, "event: attribute %s is a %s", name.c_str(), lua_typename(lua, type));
    }
    luaL_tolstring(lua, -1, nullptr);
    event.attribute(std::move(name),
                    take_text(lua, -1, "event: an attribute", 0, SLUICE_ATTRIBUTE_BYTES_MAX));
    lua_pop(lua, 2);
  }
}

/// Pushes field `name` of the table at 1. Whether it is there.
bool push_field(lua_State* lua, const char* name) { return lua_getfield(lua, 1, name) != LUA_TNIL; }

/// A mistyped key would be silence where somebody expects an alarm.
void check_event_keys(lua_State* lua) {
  constexpr const char* kKeys[] = {"attributes", "message", "name", "phase", "severity"};
  push_fields(lua, 1);
  const SortedKeys keys = sorted_keys(lua, lua_gettop(lua));
  lua_pop(lua, 1);
  if (keys.size() != keys.strings.size() || keys.odd_type != nullptr) {
    luaL_error(lua, "event: expected event{name = ..., message = ...}");
  }
  for (const std::string_view key : keys.strings) {
    lua_pushlstring(lua, key.data(), key.size());
    take_word(lua, -1, "event: each key", kKeys);
    lua_pop(lua, 1);
  }
}

/// event{name=, message= [, severity=] [, phase=] [, attributes={}]}
int event(lua_State* lua) {
  Turn& turn = turn_of(lua);
  luaL_checktype(lua, 1, LUA_TTABLE);
  check_event_keys(lua);
  push_field(lua, "name");
  std::string name = take_name(lua, -1, "event: name");
  push_field(lua, "message");
  sdk::Event out(turn.in, std::move(name),
                 take_text(lua, -1, "event: message", 1, SLUICE_MESSAGE_BYTES_MAX));
  if (push_field(lua, "severity")) {
    out.severity(kSeverityNumbers[take_word(lua, -1, "event: severity", kSeverities)]);
  }
  if (push_field(lua, "phase")) {
    out.phase(static_cast<std::uint8_t>(take_word(lua, -1, "event: phase", kPhases)));
  }
  if (push_field(lua, "attributes")) {
    if (!lua_istable(lua, -1)) return luaL_error(lua, "event: attributes has to be a table");
    push_fields(lua, -1);
    take_attributes(lua, lua_gettop(lua), out);
  }
  if (turn.said.events.size() >= turn.events_max) {
    return luaL_error(lua, "event: no call tells more than %d events",
                      static_cast<int>(SLUICE_EVENTS_MAX));
  }
  turn.said.events.push_back(std::move(out));
  return 0;
}

/// drop([rule])
int drop(lua_State* lua) {
  Turn& turn = turn_of(lua);
  // The last rule is not the script's to say.
  const bool is_named = !lua_isnoneornil(lua, 1);
  turn.said.dropped_by =
      is_named ? static_cast<std::uint16_t>(
                     take_word(lua, 1, "drop: the rule", std::span(kRules).first(kScriptFailed)))
               : std::uint16_t{0};
  return 0;
}

/// print(...): one line of the daemon's log.
int print(lua_State* lua) {
  Turn& turn = turn_of(lua);
  std::string line;
  for (int i = 1; i <= lua_gettop(lua); ++i) {
    push_shown(lua, i);
    std::size_t size = 0;
    const char* const shown = lua_tolstring(lua, -1, &size);
    if (i > 1) line += ' ';
    line.append(shown, size);
    if (line.size() > Meter::kStringBytesMax) {
      return luaL_error(lua, "print: a line of more than %d bytes",
                        static_cast<int>(Meter::kStringBytesMax));
    }
    lua_pop(lua, 1);
  }
  if (turn.said.printed.size() >= kPrintedMax) {
    return luaL_error(lua, "print: at most %d lines a reading", static_cast<int>(kPrintedMax));
  }
  turn.said.printed.push_back(log_line(lua, line));
  return 0;
}

// --- r ---

int get_label(lua_State* lua) {
  const Turn& turn = turn_of(lua);
  const std::string_view label = turn.host.label(turn.in.series, luaL_checkstring(lua, 2));
  if (label.empty()) return 0;
  lua_pushlstring(lua, label.data(), label.size());
  return 1;
}
int set_label(lua_State* lua) { return luaL_error(lua, "labels cannot be set"); }

void push_text(lua_State* lua, std::string_view text) {
  lua_pushlstring(lua, text.data(), text.size());
}

/// Makes the state r's own field, so that it is the same table the next time. One that was there
/// has been set to nil, and is empty.
int get_state(lua_State* lua, Turn& turn) {
  const bool is_forgotten = std::exchange(turn.said.uses_state, true);
  decode_state(lua, is_forgotten ? std::string_view() : turn.state);
  lua_pushvalue(lua, 2);
  lua_pushvalue(lua, -2);
  lua_rawset(lua, 1);
  return 1;
}

/// r.KEY of a key that is not set.
int get_field(lua_State* lua) {
  Turn& turn = turn_of(lua);
  switch (take_word(lua, 2, "a field of r", kFields)) {
    case 0: push_text(lua, turn.host.measurement(turn.in.series)); return 1;
    case 1: push_text(lua, turn.host.unit(turn.in.series)); return 1;
    case 2: lua_rawgetp(lua, LUA_REGISTRYINDEX, &kLabels); return 1;
    case 3: return get_state(lua, turn);
    case 4: lua_pushboolean(lua, (turn.in.source & SLUICE_SOURCE_BOOT_TIME) != 0); return 1;
    default: return 0;  // the script has set it to nil
  }
}

/// r.KEY = value, of a key that was not there.
int set_field(lua_State* lua) {
  constexpr const char* kSettable[] = {"value", "quality", "unit", "measurement", "state"};
  const std::size_t field = take_word(lua, 2, "a field of r that can be set", kSettable);
  if (kSettable[field] == std::string_view("state")) turn_of(lua).said.uses_state = true;
  lua_rawset(lua, 1);
  return 0;
}

double seconds(const Reading& in) { return static_cast<double>(in.event_time_ns) / 1e9; }

void push_reading(lua_State* lua, const Reading& in) {
  lua_createtable(lua, 0, 6);
  push_value(lua, in);
  lua_setfield(lua, -2, "value");
  lua_pushstring(lua, kQualities[in.quality]);
  lua_setfield(lua, -2, "quality");
  lua_pushnumber(lua, seconds(in));
  lua_setfield(lua, -2, "time");
  lua_pushinteger(lua, in.event_time_ns);
  lua_setfield(lua, -2, "time_ns");
  lua_rawgetp(lua, LUA_REGISTRYINDEX, &kReadingMeta);
  lua_setmetatable(lua, -2);
}

/// Pushes field `name` of r, as the script left it.
int push_left(lua_State* lua, int r, const char* name) {
  lua_pushstring(lua, name);
  return lua_rawget(lua, r);
}

// --- what the script said of the reading ---

void take_new_value(lua_State* lua, int index, const char* what, Turn& turn) {
  push_value(lua, turn.in);
  Reading as_given = turn.in;
  take_value(lua, -1, what, as_given);
  lua_pop(lua, 1);
  Reading as_left = turn.in;
  take_value(lua, index, what, as_left);
  // Unsigned integers keep their kind and their digits when the script leaves them alone.
  if (as_left.kind == as_given.kind && as_left.bits == as_given.bits) return;
  turn.said.out.kind = as_left.kind;
  turn.said.out.bits = as_left.bits;
  turn.said.is_altered = true;
}

void take_new_series(lua_State* lua, int r, Turn& turn) {
  std::optional<std::string> measurement;
  std::optional<std::string> unit;
  if (push_left(lua, r, "measurement") != LUA_TNIL) {
    measurement = take_text(lua, -1, "r.measurement", 1, kMeasurementBytesMax);
  }
  if (push_left(lua, r, "unit") != LUA_TNIL) {
    unit = take_text(lua, -1, "r.unit", 0, kUnitBytesMax);
  }
  lua_pop(lua, 2);
  if (!measurement && !unit) return;
  turn.said.out.series = turn.derived_series.find(turn.in.series, measurement, unit);
  if (turn.said.out.series == 0) luaL_error(lua, "r: the node keeps no more series");
  turn.said.is_altered = turn.said.is_altered || turn.said.out.series != turn.in.series;
}

void take_reading(lua_State* lua, int r, Turn& turn) {
  push_left(lua, r, "value");
  take_new_value(lua, lua_gettop(lua), "r.value", turn);
  push_left(lua, r, "quality");
  turn.said.out.quality = static_cast<std::uint8_t>(take_word(lua, -1, "r.quality", kQualities));
  if (turn.said.out.quality != turn.in.quality) turn.said.is_altered = true;
  push_left(lua, r, "time_ns");
  push_left(lua, r, "time");
  const bool time_is_same =
      lua_isinteger(lua, -2) != 0 && lua_tointeger(lua, -2) == turn.in.event_time_ns &&
      lua_type(lua, -1) == LUA_TNUMBER && lua_tonumber(lua, -1) == seconds(turn.in);
  if (!time_is_same) luaL_error(lua, "r.time and r.time_ns cannot be set");
  lua_pop(lua, 4);
  take_new_series(lua, r, turn);
}

/// What on_reading returned, on top of the stack: nothing, r, or a new value.
void take_answer(lua_State* lua, int r, Turn& turn) {
  const int answer = lua_gettop(lua);
  if (lua_isboolean(lua, answer) || lua_type(lua, answer) == LUA_TNUMBER) {
    lua_pushliteral(lua, "value");
    lua_pushvalue(lua, answer);
    lua_rawset(lua, r);
  } else if (!lua_isnil(lua, answer) && lua_rawequal(lua, answer, r) == 0) {
    luaL_error(lua, "on_reading returned a %s; it has to be nothing, r, a number or a boolean",
               luaL_typename(lua, answer));
  }
  if (!turn.said.dropped_by) take_reading(lua, r, turn);
}

void take_states(lua_State* lua, int r, Turn& turn) {
  const std::size_t bytes_max = Meter::of(lua).limits().state_max;
  const bool has_state = push_left(lua, r, "state") != LUA_TNIL;
  if (turn.said.uses_state) {
    turn.said.state = has_state ? encode_state(lua, -1, "r.state", bytes_max) : "";
  }
  if (lua_rawgetp(lua, LUA_REGISTRYINDEX, &kShared) != LUA_TNIL) {
    turn.said.shared = encode_state(lua, -1, "shared", bytes_max);
  }
  lua_pop(lua, 2);
}

}  // namespace

std::uint32_t DerivedSeries::find(std::uint32_t base, const std::optional<std::string>& measurement,
                                  const std::optional<std::string>& unit) {
  Key key{base, measurement, unit};
  if (const auto it = known_.find(key); it != known_.end()) return it->second;
  const std::uint32_t id = host_.derive_series(base, measurement ? measurement->c_str() : nullptr,
                                               unit ? unit->c_str() : nullptr);
  if (id != 0) known_.emplace(std::move(key), id);
  return id;
}

void open_turns(lua_State* lua, int globals) {
  constexpr luaL_Reg kFunctions[] = {
      {"emit", emit}, {"event", event}, {"drop", drop}, {"print", print}, {nullptr, nullptr}};
  lua_pushvalue(lua, globals);
  luaL_setfuncs(lua, kFunctions, 0);
  lua_pop(lua, 1);
  constexpr luaL_Reg kOfReading[] = {
      {"__index", get_field}, {"__newindex", set_field}, {nullptr, nullptr}};
  luaL_newlib(lua, kOfReading);
  lua_rawsetp(lua, LUA_REGISTRYINDEX, &kReadingMeta);
  constexpr luaL_Reg kOfLabels[] = {
      {"__index", get_label}, {"__newindex", set_label}, {nullptr, nullptr}};
  lua_newtable(lua);
  luaL_newlib(lua, kOfLabels);
  lua_setmetatable(lua, -2);
  lua_rawsetp(lua, LUA_REGISTRYINDEX, &kLabels);
  open_values(lua);
}

void set_turn(lua_State* lua, Turn* turn) { *static_cast<Turn**>(lua_getextraspace(lua)) = turn; }

Turn& turn_of(lua_State* lua) {
  Turn* const turn = *static_cast<Turn**>(lua_getextraspace(lua));
  if (turn == nullptr) luaL_error(lua, "this is for functions: there is no reading yet");
  return *turn;
}

void take_turn(lua_State* lua) {
  Turn& turn = turn_of(lua);
  turn.said = {.out = turn.in};
  lua_pushnil(lua);
  lua_rawsetp(lua, LUA_REGISTRYINDEX, &kShared);
  push_reading(lua, turn.in);
  const int r = lua_gettop(lua);
  lua_pushvalue(lua, r - 1);
  lua_pushvalue(lua, r);
  lua_call(lua, 1, 1);
  check_locals(lua);
  take_answer(lua, r, turn);
  take_states(lua, r, turn);
}

int missing_global(lua_State* lua) {
  const bool is_text = lua_type(lua, 2) == LUA_TSTRING;
  const std::string_view name = is_text ? lua_tostring(lua, 2) : "?";
  if (name != "shared") return luaL_error(lua, "there is no global '%s'", name.data());
  const Turn& turn = turn_of(lua);
  if (lua_rawgetp(lua, LUA_REGISTRYINDEX, &kShared) != LUA_TNIL) return 1;
  decode_state(lua, turn.shared);
  lua_pushvalue(lua, -1);
  lua_rawsetp(lua, LUA_REGISTRYINDEX, &kShared);
  return 1;
}

}  // namespace sluice::script
