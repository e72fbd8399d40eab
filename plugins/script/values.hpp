#pragma once

#include <cstddef>
#include <lua.hpp>
#include <span>
#include <string>
#include <string_view>

#include "sluice_plugin.hpp"

namespace sluice::script {

// Values and texts between Lua and the contract. What is taken is checked, and what the contract
// does not allow raises a Lua error, in which `what` names the value.

/// Once a Lua state, before the others.
void open_values(lua_State* lua);

void push_value(lua_State* lua, const sdk::Reading& reading);
/// Gives the reading the value at `index`: a finite number or a boolean.
void take_value(lua_State* lua, int index, const char* what, sdk::Reading& reading);

/// Whether the contract takes it: well-formed UTF-8 without NUL.
bool is_text(lua_State* lua, std::string_view text);
/// A line for the log, of whatever bytes a script has put together.
std::string log_line(lua_State* lua, std::string_view text);

std::string take_text(lua_State* lua, int index, const char* what, std::size_t bytes_min,
                      std::size_t bytes_max);
/// [a-z0-9_]{1,64}
std::string take_name(lua_State* lua, int index, const char* what);
/// The index of the text at `index` in a list of words.
std::size_t take_word(lua_State* lua, int index, const char* what,
                      std::span<const char* const> words);

}  // namespace sluice::script
