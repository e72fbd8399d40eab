#pragma once

#include <lua.hpp>

namespace sluice::script {

// What a script makes while it loads must not change later: it would be state that no snapshot has.
// Tables are made read-only. Locals of the file cannot be, so they are compared after each reading.

/// Makes the table at `index` read-only, with all tables that can be reached from it, also through
/// the variables that functions use; and remembers those variables for check_locals(). Once a Lua
/// state.
void freeze(lua_State* lua, int index);

/// Raises an error when a function has assigned to a variable declared outside functions.
void check_locals(lua_State* lua);

/// Pushes the table in which the fields of the one at `index` are: itself, or of a read-only one
/// another, which scripts never see.
void push_fields(lua_State* lua, int index);

}  // namespace sluice::script
