#pragma once

#include <cstddef>
#include <cstdint>
#include <lua.hpp>

namespace sluice::script {

/// What scripts are called in errors: "script:4: ...".
inline constexpr const char* kChunkName = "=script";

/// The line of the innermost call of the script's own code; 0 when none of it is running.
int script_line(lua_State* lua);

struct Limits {
  std::uint64_t instructions_max = 50'000;  ///< of one reading
  std::size_t memory_max = 1'048'576;       ///< bytes, of all that Lua holds
  std::size_t state_max = 4'096;            ///< bytes, of one state as it is kept
};

/// Counts the work and the memory of one Lua state, and stops it at its limits.
///
/// Lua counts the instructions of its virtual machine. What one instruction can do without end is
/// made finite here: library functions charge() for their work, the making of long strings is
/// charged by their length, and no string is longer than kStringBytesMax.
///
/// What is charged depends on what the script does alone, so that a replay stops where the first
/// run did. The limit on memory is not of that kind: garbage of earlier readings counts until Lua
/// collects it, and Lua's stack grows by doubling, from whatever size it has. So where memory came
/// near its limit, only a new Lua state says whether there was enough.
class Meter {
 public:
  static constexpr std::size_t kStringBytesMax = 16'384;

  explicit Meter(const Limits& limits) : limits_(limits) {}
  Meter(const Meter&) = delete;
  Meter& operator=(const Meter&) = delete;

  /// A state without any library; null when memory_max does not even hold that.
  lua_State* open();
  static Meter& of(lua_State* lua);

  const Limits& limits() const { return limits_; }
  /// Counts instructions from 0 again.
  void restart();
  /// Raises an error when with these instructions there are too many.
  void charge(std::uint64_t instructions);

  /// Whether more than half of the memory was in use at a time. Where not, a new Lua state has
  /// enough for the same: of all that Lua holds, only the stack may be larger there, at most twice.
  bool came_near_limit() const { return bytes_most_ > limits_.memory_max / 2; }
  /// Why and where memory was refused last. A string that is too long is so in a new state, too.
  bool string_was_too_long() const { return string_was_too_long_; }
  int refused_line() const { return refused_line_; }

 private:
  static void* allocate(void* self, void* block, std::size_t old_size, std::size_t new_size);
  void* resize(void* block, std::size_t old_size, std::size_t new_size);
  void* refuse(bool string_is_too_long);
  static void on_count(lua_State* lua, lua_Debug* activation);

  const Limits limits_;
  lua_State* lua_ = nullptr;
  std::size_t bytes_ = 0;
  std::size_t bytes_most_ = 0;  ///< since restart()
  std::uint64_t instructions_ = 0;
  bool string_was_too_long_ = false;
  int refused_line_ = 0;
};

}  // namespace sluice::script
