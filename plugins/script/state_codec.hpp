#pragma once

#include <cstddef>
#include <cstdint>
#include <lua.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::script {

/// The keys of a table in an order that is the same in every process; Lua's own order of strings is
/// another one in each.
struct SortedKeys {
  std::vector<lua_Integer> integers;
  std::vector<double> floats;
  std::vector<std::string_view> strings;  ///< valid as long as the table keeps them
  bool has_false = false;
  bool has_true = false;
  const char* odd_type = nullptr;  ///< of a key that has no order, e.g. "table"

  std::size_t size() const;
};
SortedKeys sorted_keys(lua_State* lua, int index);

/// Tables within tables, at most.
inline constexpr int kStateDepthMax = 16;

/// The table at `index` as bytes: booleans, integers, floats (all 64 bits of them), strings, and
/// tables of these with keys that are strings or integers. Equal tables give equal bytes. An empty
/// table gives none. Raises a Lua error that begins with `name` and the keys on the way
/// ("r.state.last: ...") when a value is of another type, or for more than `bytes_max`.
std::string encode_state(lua_State* lua, int index, const char* name, std::size_t bytes_max);

/// Pushes the table that encode_state() was given. Raises a Lua error for bytes that it did not
/// make, but for keys in another order.
void decode_state(lua_State* lua, std::string_view bytes);

}  // namespace sluice::script
