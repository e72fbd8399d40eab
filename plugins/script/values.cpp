#include "values.hpp"

#include <algorithm>
#include <cmath>

namespace sluice::script {
namespace {

/// Its address is the key of Lua's utf8.len in the registry.
const char kUtf8Length = 0;

}  // namespace

void open_values(lua_State* lua) {
  luaL_requiref(lua, LUA_UTF8LIBNAME, luaopen_utf8, 0);
  lua_getfield(lua, -1, "len");
  lua_rawsetp(lua, LUA_REGISTRYINDEX, &kUtf8Length);
  lua_pop(lua, 1);
}

bool is_text(lua_State* lua, std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return false;
  // Lua's own utf8.len refuses surrogates, overlong forms and what is beyond U+10FFFF.
  lua_rawgetp(lua, LUA_REGISTRYINDEX, &kUtf8Length);
  lua_pushlstring(lua, text.data(), text.size());
  lua_call(lua, 1, 1);
  const bool is_good = lua_isinteger(lua, -1) != 0;
  lua_pop(lua, 1);
  return is_good;
}

std::string log_line(lua_State* lua, std::string_view text) {
  std::string out(text);
  const bool is_good = is_text(lua, text);
  for (char& c : out) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || (byte >= 0x80 && !is_good)) c = '?';
  }
  return out;
}

void push_value(lua_State* lua, const sdk::Reading& reading) {
  switch (reading.kind) {
    case SLUICE_KIND_BOOLEAN: return lua_pushboolean(lua, reading.bits != 0);
    case SLUICE_KIND_F64: return lua_pushnumber(lua, reading.value());
    default: break;
  }
  // Beyond Lua's integers the nearest float.
  const bool is_large = reading.kind == SLUICE_KIND_U64 && reading.bits > INT64_MAX;
  if (is_large) return lua_pushnumber(lua, reading.value());
  lua_pushinteger(lua, static_cast<lua_Integer>(reading.bits));
}

void take_value(lua_State* lua, int index, const char* what, sdk::Reading& reading) {
  if (lua_isboolean(lua, index)) {
    reading.kind = SLUICE_KIND_BOOLEAN;
    reading.bits = lua_toboolean(lua, index) != 0 ? 1 : 0;
  } else if (lua_isinteger(lua, index) != 0) {
    reading.kind = SLUICE_KIND_I64;
    reading.bits = static_cast<std::uint64_t>(lua_tointeger(lua, index));
  } else if (lua_type(lua, index) == LUA_TNUMBER) {
    const double v = lua_tonumber(lua, index);
    if (!std::isfinite(v)) luaL_error(lua, "%s is not finite: %f", what, v);
    reading.set_value(v);
  } else {
    luaL_error(lua, "%s is a %s; it has to be a number or a boolean", what,
               luaL_typename(lua, index));
  }
}

std::string take_text(lua_State* lua, int index, const char* what, std::size_t bytes_min,
                      std::size_t bytes_max) {
  index = lua_absindex(lua, index);
  if (lua_type(lua, index) != LUA_TSTRING) {
    luaL_error(lua, "%s is a %s; it has to be a string", what, luaL_typename(lua, index));
  }
  std::size_t size = 0;
  const char* const text = lua_tolstring(lua, index, &size);
  if (size < bytes_min || size > bytes_max || !is_text(lua, {text, size})) {
    luaL_error(lua, "%s has to be %d to %d bytes of UTF-8", what, static_cast<int>(bytes_min),
               static_cast<int>(bytes_max));
  }
  return std::string(text, size);
}

std::string take_name(lua_State* lua, int index, const char* what) {
  std::string name = take_text(lua, index, what, 1, SLUICE_NAME_BYTES_MAX);
  if (name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") != std::string::npos) {
    luaL_error(lua, "%s has to be a name of a-z, 0-9 and _", what);
  }
  return name;
}

std::size_t take_word(lua_State* lua, int index, const char* what,
                      std::span<const char* const> words) {
  if (lua_type(lua, index) == LUA_TSTRING) {
    std::size_t size = 0;
    const char* const text = lua_tolstring(lua, index, &size);
    const auto found = std::find(words.begin(), words.end(), std::string_view(text, size));
    if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
  }
  std::string known;
  for (const char* const word : words) known += (known.empty() ? "" : ", ") + std::string(word);
  luaL_error(lua, "%s has to be one of %s", what, known.c_str());
  return 0;
}

}  // namespace sluice::script
