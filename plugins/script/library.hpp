#pragma once

#include <lua.hpp>

namespace sluice::script {

/// Makes new globals of the part of Lua's library that is safe here: nothing that reads files,
/// clocks or memory addresses, compiles code, catches errors, or works without an end. README.md
/// has the list.
void open_library(lua_State* lua);

/// Pushes the value at `index` as text. Tables and functions are their type's name: their addresses
/// are other ones in every process.
void push_shown(lua_State* lua, int index);

}  // namespace sluice::script
