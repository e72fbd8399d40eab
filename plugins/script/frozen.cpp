#include "frozen.hpp"

#include <bit>
#include <cstdint>
#include <cstring>

#include "meter.hpp"

namespace sluice::script {
namespace {

/// Its address is the key, in Lua's registry, of the list of (function, number of the variable,
/// value) that check_locals() goes through.
const char kVariables = 0;

int refuse_to_set(lua_State* lua) {
  const char* const key = lua_type(lua, 2) == LUA_TSTRING ? lua_tostring(lua, 2) : "a field";
  return luaL_error(lua,
                    "cannot set '%s': globals, and tables made outside functions, are read-only "
                    "once the script is loaded; make it local, or keep it in r.state or shared",
                    key);
}

int frozen_length(lua_State* lua) {
  push_fields(lua, 1);
  lua_len(lua, -1);
  return 1;
}

/// Goes through all that can be reached from a value, each thing once.
class Freezer {
 public:
  explicit Freezer(lua_State* lua) : lua_(lua) {
    lua_newtable(lua_);
    queue_ = lua_gettop(lua_);
    lua_newtable(lua_);
    seen_ = lua_gettop(lua_);
    lua_newtable(lua_);
    variables_ = lua_gettop(lua_);
  }
  void run(int index) {
    lua_pushvalue(lua_, index);
    reach();
    for (lua_Integer i = 1; i <= reached_; ++i) {
      lua_rawgeti(lua_, queue_, i);
      if (lua_istable(lua_, -1)) {
        freeze_table(lua_gettop(lua_));
      } else {
        visit_function(lua_gettop(lua_));
      }
      lua_settop(lua_, variables_);
    }
    lua_rawsetp(lua_, LUA_REGISTRYINDEX, &kVariables);
    lua_pop(lua_, 2);
  }

 private:
  /// Takes the value off the top of the stack, into the queue if it is a table or a Lua function.
  void reach() {
    const bool is_function = lua_isfunction(lua_, -1) && lua_iscfunction(lua_, -1) == 0;
    if (lua_istable(lua_, -1) || is_function) {
      lua_pushvalue(lua_, -1);
      if (is_new()) {
        lua_pushvalue(lua_, -1);
        lua_rawseti(lua_, queue_, ++reached_);
      }
    }
    lua_pop(lua_, 1);
  }
  /// Whether the value on top of the stack comes for the first time; takes it off.
  bool is_new() {
    lua_pushvalue(lua_, -1);
    const bool seen = lua_rawget(lua_, seen_) != LUA_TNIL;
    lua_pop(lua_, 1);
    if (seen) {
      lua_pop(lua_, 1);
      return false;
    }
    lua_pushboolean(lua_, 1);
    lua_rawset(lua_, seen_);
    return true;
  }

  /// Moves the fields into a table behind it, so that whoever has the table finds them still, and
  /// every assignment is one of a new field, of which Lua asks.
  void freeze_table(int table) {
    if (lua_getmetatable(lua_, table) != 0) return;  // ours, and read-only from the start
    lua_newtable(lua_);
    const int fields = lua_gettop(lua_);
    lua_pushnil(lua_);
    while (lua_next(lua_, table) != 0) {
      lua_pushvalue(lua_, -1);
      reach();
      lua_pushvalue(lua_, -2);
      lua_pushvalue(lua_, -2);
      lua_rawset(lua_, fields);
      lua_pop(lua_, 1);
      lua_pushvalue(lua_, -1);
      lua_pushnil(lua_);
      lua_rawset(lua_, table);  // a field may be cleared while one goes through them
    }
    lua_createtable(lua_, 0, 3);
    lua_pushvalue(lua_, fields);
    lua_setfield(lua_, -2, "__index");
    lua_pushcfunction(lua_, refuse_to_set);
    lua_setfield(lua_, -2, "__newindex");
    lua_pushcfunction(lua_, frozen_length);
    lua_setfield(lua_, -2, "__len");
    lua_setmetatable(lua_, table);
  }

  void visit_function(int function) {
    for (int i = 1; lua_getupvalue(lua_, function, i) != nullptr; ++i) {
      lua_pushlightuserdata(lua_, lua_upvalueid(lua_, function, i));
      if (!is_new()) {
        lua_pop(lua_, 1);
        continue;
      }
      remember(function, i);
      reach();
    }
  }
  /// A variable of the function whose value is on top of the stack.
  void remember(int function, int number) {
    lua_pushvalue(lua_, function);
    lua_rawseti(lua_, variables_, ++remembered_);
    lua_pushinteger(lua_, number);
    lua_rawseti(lua_, variables_, ++remembered_);
    lua_pushvalue(lua_, -1);
    lua_rawseti(lua_, variables_, ++remembered_);
  }

  lua_State* lua_;
  int queue_;
  int seen_;
  int variables_;
  lua_Integer reached_ = 0;
  lua_Integer remembered_ = 0;
};

/// The very same value: 1 is not 1.0, 0.0 is not -0.0, and NaN is NaN.
bool is_same(lua_State* lua, int a, int b) {
  if (lua_type(lua, a) != LUA_TNUMBER || lua_type(lua, b) != LUA_TNUMBER) {
    return lua_rawequal(lua, a, b) != 0;
  }
  if (lua_isinteger(lua, a) != lua_isinteger(lua, b)) return false;
  if (lua_isinteger(lua, a) != 0) return lua_tointeger(lua, a) == lua_tointeger(lua, b);
  return std::bit_cast<std::uint64_t>(lua_tonumber(lua, a)) ==
         std::bit_cast<std::uint64_t>(lua_tonumber(lua, b));
}

/// The line is that of the function; of one that the library made, whoever handles the error adds
/// one.
void fail_with_local(lua_State* lua, int function, const char* name) {
  lua_Debug about;
  lua_pushvalue(lua, function);
  lua_getinfo(lua, ">S", &about);
  const bool is_script = std::strcmp(about.source, kChunkName) == 0;
  lua_pushstring(lua, "");
  if (is_script) lua_pushfstring(lua, "script:%d: ", about.linedefined);
  lua_pushfstring(lua,
                  "%sa function that uses '%s' has assigned to it: what is declared outside "
                  "functions stays as it was loaded; keep it in r.state or shared",
                  lua_tostring(lua, -1), name);
  lua_error(lua);
}

}  // namespace

void freeze(lua_State* lua, int index) {
  luaL_checkstack(lua, LUA_MINSTACK, "script");
  Freezer(lua).run(lua_absindex(lua, index));
}

void check_locals(lua_State* lua) {
  lua_rawgetp(lua, LUA_REGISTRYINDEX, &kVariables);
  const int list = lua_gettop(lua);
  for (lua_Integer at = 1; lua_rawgeti(lua, list, at) != LUA_TNIL; at += 3) {
    const int function = list + 1;
    lua_rawgeti(lua, list, at + 1);
    const auto number = static_cast<int>(lua_tointeger(lua, -1));
    const char* const name = lua_getupvalue(lua, function, number);
    lua_rawgeti(lua, list, at + 2);
    if (!is_same(lua, -1, -2)) {
      fail_with_local(lua, function, name);
    }
    lua_settop(lua, list);
  }
  lua_settop(lua, list - 1);
}

void push_fields(lua_State* lua, int index) {
  index = lua_absindex(lua, index);
  const int type = luaL_getmetafield(lua, index, "__index");
  if (type == LUA_TTABLE) return;
  if (type != LUA_TNIL) lua_pop(lua, 1);
  lua_pushvalue(lua, index);
}

}  // namespace sluice::script
