#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

#include "meter.hpp"
#include "state.hpp"
#include "state_codec.hpp"

namespace {

using sluice::script::decode_state;
using sluice::script::encode_state;
using sluice::script::Meter;

/// Decodes the bytes and encodes the table again, twice: keys may come in any order, but from then
/// on equal tables are equal bytes.
int round_trips(lua_State* lua) {
  const auto& bytes = *static_cast<const std::string_view*>(lua_touserdata(lua, 1));
  decode_state(lua, bytes);
  const std::string once = encode_state(lua, -1, "state", SIZE_MAX);
  if (once.size() > bytes.size()) std::abort();
  decode_state(lua, once);
  if (encode_state(lua, -1, "state", SIZE_MAX) != once) std::abort();
  return 0;
}

/// A snapshot whose states are texts: each is whole, or the first that is not throws.
void read_texts(std::string_view bytes) {
  sluice::sdk::StateReader reader(bytes);
  std::size_t taken = 0;
  try {
    for (;;) taken += 8 + reader.text().size();
  } catch (const std::invalid_argument&) {
    if (taken > bytes.size()) std::abort();
  }
}

}  // namespace

// A state out of a snapshot: either a table, or an error of Lua's, within the memory it may have.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static Meter meter({.instructions_max = 1'000'000'000, .memory_max = 4'000'000});
  static lua_State* const lua = meter.open();
  meter.restart();
  std::string_view input(reinterpret_cast<const char*>(bytes), size);
  read_texts(input);
  lua_pushcfunction(lua, round_trips);
  lua_pushlightuserdata(lua, &input);
  const int status = lua_pcall(lua, 1, 0, 0);
  if (status != LUA_OK && status != LUA_ERRRUN && status != LUA_ERRMEM) std::abort();
  lua_settop(lua, 0);
  return 0;
}
