#include "library.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "frozen.hpp"
#include "meter.hpp"
#include "state_codec.hpp"

namespace sluice::script {
namespace {

constexpr lua_Integer kUnpackMax = 200;

/// The parts that are easier to read in Lua; their work is counted as a script's is. Given the C
/// function sorted_keys, it returns pairs and sort.
constexpr std::string_view kPrelude = R"lua(
local sorted_keys = ...

local function pairs(t)
  local keys, i = sorted_keys(t), 0
  return function()
    local key, value
    repeat
      i = i + 1
      key = keys[i]
      if key == nil then return nil end
      value = t[key]
    until value ~= nil
    return key, value
  end
end

-- Merges two sorted halves. Equal values stay in order.
local function sort_range(list, spare, first, last, less)
  if first >= last then return end
  local middle = (first + last) // 2
  sort_range(list, spare, first, middle, less)
  sort_range(list, spare, middle + 1, last, less)
  for i = first, last do spare[i] = list[i] end
  local left, right = first, middle + 1
  for i = first, last do
    if right > last or (left <= middle and not less(spare[right], spare[left])) then
      list[i], left = spare[left], left + 1
    else
      list[i], right = spare[right], right + 1
    end
  end
end

local function sort(list, less)
  sort_range(list, {}, 1, #list, less or function(a, b) return a < b end)
end

return pairs, sort
)lua";

// --- functions of Lua's own whose work is charged for ---

std::size_t bytes_of_strings(lua_State* lua) {
  std::size_t bytes = 0;
  for (int i = 1; i <= lua_gettop(lua); ++i) {
    if (lua_type(lua, i) == LUA_TSTRING) bytes += lua_rawlen(lua, i);
  }
  return bytes;
}

/// Each of these calls the function of Lua's that is its upvalue, as if it were it.
int call_original(lua_State* lua) { return lua_tocfunction(lua, lua_upvalueindex(1))(lua); }

/// Looks at every byte of its strings.
int charged_by_strings(lua_State* lua) {
  Meter::of(lua).charge(1 + bytes_of_strings(lua) / 4);
  return call_original(lua);
}

/// May look at every argument, and at every byte of one that is a number written as text.
int charged_by_arguments(lua_State* lua) {
  Meter::of(lua).charge((static_cast<std::size_t>(lua_gettop(lua)) + bytes_of_strings(lua)) / 4);
  return call_original(lua);
}

/// Goes through a list.
int charged_by_list(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  Meter::of(lua).charge(1 + static_cast<std::uint64_t>(luaL_len(lua, 1)));
  return call_original(lua);
}

void charge_for_range(lua_State* lua, lua_Integer first, lua_Integer last) {
  if (last < first) return;
  Meter::of(lua).charge(static_cast<std::uint64_t>(last) - static_cast<std::uint64_t>(first));
}

int move(lua_State* lua) {
  charge_for_range(lua, luaL_checkinteger(lua, 2), luaL_checkinteger(lua, 3));
  return call_original(lua);
}

/// The list may be longer than its length says: that is any of its ends.
int concat(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  const lua_Integer first = luaL_optinteger(lua, 3, 1);
  const lua_Integer last = lua_isnoneornil(lua, 4) ? luaL_len(lua, 1) : luaL_checkinteger(lua, 4);
  charge_for_range(lua, first, last);
  return call_original(lua);
}

int unpack(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  const lua_Integer first = luaL_optinteger(lua, 2, 1);
  const lua_Integer last = lua_isnoneornil(lua, 3) ? luaL_len(lua, 1) : luaL_checkinteger(lua, 3);
  const bool is_long =
      last >= first && static_cast<std::uint64_t>(last) - static_cast<std::uint64_t>(first) >=
                           static_cast<std::uint64_t>(kUnpackMax);
  if (is_long) return luaL_error(lua, "unpack: at most %I values", kUnpackMax);
  return call_original(lua);
}

int repeat(lua_State* lua) {
  Meter::of(lua).charge(bytes_of_strings(lua) / 4);
  const std::size_t bytes = bytes_of_strings(lua);
  const lua_Integer count = std::max<lua_Integer>(luaL_checkinteger(lua, 2), 0);
  // With nothing to repeat, Lua would count to the end all the same.
  if (static_cast<std::uint64_t>(count) >
      Meter::kStringBytesMax / std::max<std::size_t>(bytes, 1)) {
    return luaL_error(lua, "rep: at most %d bytes", static_cast<int>(Meter::kStringBytesMax));
  }
  return call_original(lua);
}

/// Whether a format asks for an address.
bool has_pointer(std::string_view format) {
  for (std::size_t at = format.find('%'); at != std::string_view::npos; at = format.find('%', at)) {
    at = format.find_first_not_of("-+ #0123456789.", at + 1);
    if (at == std::string_view::npos) return false;
    if (format[at] == 'p') return true;
    ++at;
  }
  return false;
}

/// Lua shows tables and functions as addresses, which are other ones in every process.
int format(lua_State* lua) {
  Meter::of(lua).charge(1 + bytes_of_strings(lua) / 4);
  std::size_t size = 0;
  const char* const text = luaL_checklstring(lua, 1, &size);
  if (has_pointer({text, size})) return luaL_error(lua, "format: there is no %%p");
  for (int i = 2; i <= lua_gettop(lua); ++i) {
    const int type = lua_type(lua, i);
    if (type == LUA_TNIL || type == LUA_TBOOLEAN || type == LUA_TNUMBER || type == LUA_TSTRING) {
      continue;
    }
    return luaL_error(lua, "format: a %s has no text", lua_typename(lua, type));
  }
  return call_original(lua);
}

// --- functions of ours ---

int to_string(lua_State* lua) {
  luaL_checkany(lua, 1);
  push_shown(lua, 1);
  return 1;
}

/// find(s, what [, init [, true]]) for plain text. Lua's patterns can take longer than any count of
/// instructions shows.
int find(lua_State* lua) {
  Meter::of(lua).charge(1 + bytes_of_strings(lua) / 4);
  std::size_t size = 0;
  std::size_t wanted_size = 0;
  const char* const text = luaL_checklstring(lua, 1, &size);
  const char* const wanted = luaL_checklstring(lua, 2, &wanted_size);
  if (lua_toboolean(lua, 4) == 0 && std::strpbrk(wanted, "^$*+?.([%-") != nullptr) {
    return luaL_error(lua,
                      "find: there are no patterns; for plain text, give true as 4th argument");
  }
  lua_Integer from = luaL_optinteger(lua, 3, 1);
  if (from < 0) from = std::max<lua_Integer>(from + static_cast<lua_Integer>(size) + 1, 1);
  const auto start = static_cast<std::size_t>(std::max<lua_Integer>(from, 1)) - 1;
  // In linear time, which std::string_view::find is not.
  const void* const found =
      start <= size ? memmem(text + start, size - start, wanted, wanted_size) : nullptr;
  if (found == nullptr) {
    lua_pushnil(lua);
    return 1;
  }
  const lua_Integer at = static_cast<const char*>(found) - text + 1;
  lua_pushinteger(lua, at);
  lua_pushinteger(lua, at + static_cast<lua_Integer>(wanted_size) - 1);
  return 2;
}

/// Appends to the list on top of the stack what `push` pushes.
template <typename Push>
void append(lua_State* lua, Push push) {
  const auto size = static_cast<lua_Integer>(lua_rawlen(lua, -1));
  push();
  lua_rawseti(lua, -2, size + 1);
}

/// The keys of a table as a list: integers, floats, strings, booleans, each kind sorted.
int list_of_sorted_keys(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  push_fields(lua, 1);
  const SortedKeys keys = sorted_keys(lua, lua_gettop(lua));
  if (keys.odd_type != nullptr) {
    return luaL_error(lua, "pairs: a key that is a %s has no order", keys.odd_type);
  }
  std::uint64_t steps = 1;
  for (std::size_t n = keys.size(); n > 0; n /= 2) ++steps;
  Meter::of(lua).charge(steps * (1 + keys.size()));
  lua_createtable(lua, static_cast<int>(keys.size()), 0);
  for (const lua_Integer key : keys.integers) append(lua, [=] { lua_pushinteger(lua, key); });
  for (const double key : keys.floats) append(lua, [=] { lua_pushnumber(lua, key); });
  for (const std::string_view key : keys.strings) {
    append(lua, [=] { lua_pushlstring(lua, key.data(), key.size()); });
  }
  if (keys.has_false) append(lua, [=] { lua_pushboolean(lua, 0); });
  if (keys.has_true) append(lua, [=] { lua_pushboolean(lua, 1); });
  return 1;
}

// --- what there is ---

/// How a function gets into the new globals.
struct Entry {
  const char* name;
  lua_CFunction instead = nullptr;  ///< null: as all of that library
};

constexpr Entry kBase[] = {{"assert"},
                           {"error"},
                           {"ipairs"},
                           {"select", charged_by_arguments},
                           {"tonumber", charged_by_strings},
                           {"type"}};
constexpr Entry kString[] = {{"byte", charged_by_strings},
                             {"char", charged_by_arguments},
                             {"find", find},
                             {"format", format},
                             {"len"},
                             {"lower", charged_by_strings},
                             {"rep", repeat},
                             {"reverse", charged_by_strings},
                             {"sub", charged_by_strings},
                             {"upper", charged_by_strings}};
constexpr Entry kTable[] = {{"concat", concat},
                            {"insert", charged_by_list},
                            {"move", move},
                            {"pack", charged_by_arguments},
                            {"remove", charged_by_list},
                            {"unpack", unpack}};
constexpr Entry kMath[] = {{"abs"},        {"acos"}, {"asin"},      {"atan"},       {"ceil"},
                           {"cos"},        {"deg"},  {"exp"},       {"floor"},      {"fmod"},
                           {"huge"},       {"log"},  {"max"},       {"maxinteger"}, {"min"},
                           {"mininteger"}, {"modf"}, {"pi"},        {"rad"},        {"sin"},
                           {"sqrt"},       {"tan"},  {"tointeger"}, {"type"},       {"ult"}};
/// What strings that are numbers do without a function.
constexpr const char* kArithmetic[] = {"__add", "__sub", "__mul",  "__mod",
                                       "__pow", "__div", "__idiv", "__unm"};

/// Fills the table on top of the stack from that of Lua's at `original`. Without an `otherwise`,
/// functions that name nothing else are Lua's own as they are.
template <std::size_t kCount>
void copy(lua_State* lua, int original, const Entry (&entries)[kCount],
          lua_CFunction otherwise = nullptr) {
  for (const Entry& entry : entries) {
    const bool is_function = lua_getfield(lua, original, entry.name) == LUA_TFUNCTION;
    const lua_CFunction instead = entry.instead != nullptr ? entry.instead : otherwise;
    if (is_function && instead != nullptr) lua_pushcclosure(lua, instead, 1);
    lua_setfield(lua, -2, entry.name);
  }
}

/// Sets field `name` of the table at `globals` to what is safe of one of Lua's libraries.
template <std::size_t kCount>
void add_library(lua_State* lua, int globals, const char* name, lua_CFunction open,
                 const Entry (&entries)[kCount], lua_CFunction otherwise = nullptr) {
  luaL_requiref(lua, name, open, 0);
  const int original = lua_gettop(lua);
  lua_createtable(lua, 0, static_cast<int>(kCount));
  copy(lua, original, entries, otherwise);
  lua_setfield(lua, globals, name);
  lua_settop(lua, original - 1);
}

void add_prelude(lua_State* lua, int globals) {
  if (luaL_loadbufferx(lua, kPrelude.data(), kPrelude.size(), "=library", "t") != LUA_OK) {
    lua_error(lua);
  }
  lua_pushcfunction(lua, list_of_sorted_keys);
  lua_call(lua, 1, 2);
  lua_getfield(lua, globals, LUA_TABLIBNAME);
  lua_insert(lua, -2);
  lua_setfield(lua, -2, "sort");
  lua_pop(lua, 1);
  lua_setfield(lua, globals, "pairs");
}

/// So that "text:upper()" finds our functions, and "text + 1" counts as the work it is.
void set_string_methods(lua_State* lua, int globals) {
  lua_pushliteral(lua, "");
  lua_getmetatable(lua, -1);
  for (const char* const name : kArithmetic) {
    lua_getfield(lua, -1, name);
    lua_pushcclosure(lua, charged_by_strings, 1);
    lua_setfield(lua, -2, name);
  }
  lua_getfield(lua, globals, LUA_STRLIBNAME);
  lua_setfield(lua, -2, "__index");
  lua_pop(lua, 2);
}

}  // namespace

void push_shown(lua_State* lua, int index) {
  const int type = lua_type(lua, index);
  if (type == LUA_TTABLE || type == LUA_TFUNCTION || type == LUA_TUSERDATA) {
    lua_pushstring(lua, lua_typename(lua, type));
  } else {
    luaL_tolstring(lua, index, nullptr);
  }
}

void open_library(lua_State* lua) {
  lua_newtable(lua);
  const int globals = lua_gettop(lua);
  luaL_requiref(lua, LUA_GNAME, luaopen_base, 0);
  lua_pushvalue(lua, globals);
  copy(lua, globals + 1, kBase);
  lua_settop(lua, globals);
  lua_pushcfunction(lua, to_string);
  lua_setfield(lua, globals, "tostring");
  add_library(lua, globals, LUA_STRLIBNAME, luaopen_string, kString);
  add_library(lua, globals, LUA_TABLIBNAME, luaopen_table, kTable);
  add_library(lua, globals, LUA_MATHLIBNAME, luaopen_math, kMath, charged_by_arguments);
  add_prelude(lua, globals);
  set_string_methods(lua, globals);
  lua_rawseti(lua, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
}

}  // namespace sluice::script
