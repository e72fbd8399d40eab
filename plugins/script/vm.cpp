#include "vm.hpp"

#include <cmath>
#include <stdexcept>
#include <utility>
#include <variant>

#include "frozen.hpp"
#include "library.hpp"
#include "state_codec.hpp"
#include "values.hpp"

namespace sluice::script {
namespace {

/// Its address is the key of on_reading in Lua's registry.
const char kOnReading = 0;

constexpr std::string_view kLinePrefix = "script:";
constexpr std::string_view kLibraryPrefix = "library:";

struct Source {
  std::string_view script;
  const sdk::Config::Table& params;
};

void push_param(lua_State* lua, const sdk::Config::Scalar& value) {
  if (const bool* boolean = std::get_if<bool>(&value)) return lua_pushboolean(lua, *boolean);
  if (const std::string* text = std::get_if<std::string>(&value)) {
    lua_pushlstring(lua, text->data(), text->size());
    return;
  }
  // JSON does not tell 80 from 80.0; whoever writes 80 means the integer.
  constexpr double kIntegerMax = 9007199254740992;  // 2^53: from there on it may have been rounded
  const double number = std::get<double>(value);
  const bool is_integer = std::trunc(number) == number && std::abs(number) <= kIntegerMax;
  if (!is_integer) return lua_pushnumber(lua, number);
  lua_pushinteger(lua, static_cast<lua_Integer>(number));
}

void add_params(lua_State* lua, int globals, const sdk::Config::Table& params) {
  lua_newtable(lua);
  for (const auto& [name, value] : params) {
    push_param(lua, value);
    lua_setfield(lua, -2, name.c_str());
  }
  lua_setfield(lua, globals, "params");
}

/// Takes on_reading out of the globals, before they are frozen.
void keep_on_reading(lua_State* lua, int globals) {
  if (lua_getfield(lua, globals, "on_reading") != LUA_TFUNCTION) {
    luaL_error(lua, "script: it defines no function on_reading(r)");
  }
  lua_rawsetp(lua, LUA_REGISTRYINDEX, &kOnReading);
  if (lua_getfield(lua, globals, "shared") != LUA_TNIL) {
    luaL_error(lua, "script: it defines 'shared', which is there of itself in on_reading");
  }
  lua_pop(lua, 1);
}

void freeze_globals(lua_State* lua, int globals) {
  freeze(lua, globals);
  push_fields(lua, globals);
  lua_createtable(lua, 0, 1);
  lua_pushcfunction(lua, missing_global);
  lua_setfield(lua, -2, "__index");
  lua_setmetatable(lua, -2);
  lua_pop(lua, 1);
}

// --- what is called behind a barrier: each is given a pointer ---

int load(lua_State* lua) {
  const Source& source = *static_cast<const Source*>(lua_touserdata(lua, 1));
  open_library(lua);
  lua_pushglobaltable(lua);
  const int globals = lua_gettop(lua);
  open_turns(lua, globals);
  add_params(lua, globals, source.params);
  const auto& script = source.script;
  if (luaL_loadbufferx(lua, script.data(), script.size(), kChunkName, "t") != LUA_OK) {
    return lua_error(lua);
  }
  lua_call(lua, 0, 0);
  keep_on_reading(lua, globals);
  freeze_globals(lua, globals);
  return 0;
}

int run_turn(lua_State* lua) {
  lua_rawgetp(lua, LUA_REGISTRYINDEX, &kOnReading);
  take_turn(lua);
  return 0;
}

int check_state(lua_State* lua) {
  decode_state(lua, *static_cast<const std::string_view*>(lua_touserdata(lua, 1)));
  return 0;
}

/// Where on_reading begins: of an error in what it returned, or left in its state.
int line_of_on_reading(lua_State* lua) {
  if (lua_rawgetp(lua, LUA_REGISTRYINDEX, &kOnReading) != LUA_TFUNCTION) return 0;
  lua_Debug about;
  lua_getinfo(lua, ">S", &about);
  return about.linedefined;
}

/// Makes of an error a text that begins with the script's line.
int explain(lua_State* lua) {
  const int type = lua_type(lua, 1);
  std::string text = std::string("an error that is a ") + lua_typename(lua, type) + ", not a text";
  if (type == LUA_TSTRING) {
    std::size_t size = 0;
    const char* const bytes = lua_tolstring(lua, 1, &size);
    text = log_line(lua, {bytes, size});
  }
  // An error in the part of the library that is written in Lua is one of its caller.
  if (text.starts_with(kLibraryPrefix)) text.erase(0, text.find(": ") + 2);
  if (!text.starts_with(kLinePrefix)) {
    int line = script_line(lua);
    if (line == 0) line = line_of_on_reading(lua);
    text = std::string(kLinePrefix) + std::to_string(line) + ": " + text;
  }
  lua_pushlstring(lua, text.data(), text.size());
  return 1;
}

}  // namespace

Vm::Vm(const Limits& limits, std::string_view script, const sdk::Config::Table& params)
    : meter_(limits), lua_(meter_.open()) {
  if (lua_ == nullptr) throw std::invalid_argument("memory_max: too little for Lua itself");
  set_turn(lua_.get(), nullptr);
  Source source{script, params};
  if (call(&load, &source) != Outcome::done) throw std::invalid_argument(why_);
}

Vm::Outcome Vm::run(Turn& turn) {
  const bool was_new = std::exchange(is_new_, false);
  set_turn(lua_.get(), &turn);
  const Outcome outcome = call(&run_turn, nullptr);
  set_turn(lua_.get(), nullptr);
  return was_new || !meter_.came_near_limit() ? outcome : Outcome::unsure;
}

bool Vm::is_state(std::string_view bytes) {
  is_new_ = false;
  return call(&check_state, &bytes) == Outcome::done;
}

Vm::Outcome Vm::call(lua_CFunction function, void* argument) {
  lua_State* const lua = lua_.get();
  meter_.restart();
  lua_pushcfunction(lua, explain);
  lua_pushcfunction(lua, function);
  lua_pushlightuserdata(lua, argument);
  const int status = lua_pcall(lua, 1, 0, -3);
  Outcome outcome = Outcome::done;
  if (status == LUA_ERRMEM) {
    // Lua has no text for this that says where.
    why_ = "script:" + std::to_string(meter_.refused_line()) + ": ";
    why_ += meter_.string_was_too_long()
                ? "a string of more than " + std::to_string(Meter::kStringBytesMax) + " bytes"
                : "more than " + std::to_string(meter_.limits().memory_max) +
                      " bytes of memory (memory_max)";
    outcome = Outcome::failed;
  } else if (status != LUA_OK) {
    const char* const text = lua_tostring(lua, -1);
    why_ = text == nullptr ? "script: an error without a text" : text;
    outcome = Outcome::failed;
  }
  lua_settop(lua, 0);
  return outcome;
}

}  // namespace sluice::script
