#include "meter.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace sluice::script {
namespace {

/// Instructions from one look at the count to the next.
constexpr int kStep = 100;
/// A string of this many bytes costs an instruction: about what copying them takes.
constexpr std::size_t kStringBytesPerInstruction = 64;
/// Above Lua's 40 bytes of strings that it keeps once only, whether it makes one anew depends on
/// what it has not collected yet.
constexpr std::size_t kChargedStringBytesMin = 128;
/// Of a string's header, at most.
constexpr std::size_t kStringHeaderBytes = 64;

}  // namespace

int script_line(lua_State* lua) {
  lua_Debug activation;
  for (int level = 0; lua_getstack(lua, level, &activation) != 0; ++level) {
    lua_getinfo(lua, "Sl", &activation);
    if (std::strcmp(activation.source, kChunkName) == 0) return activation.currentline;
  }
  return 0;
}

lua_State* Meter::open() {
  lua_ = lua_newstate(&Meter::allocate, this);
  if (lua_ != nullptr) restart();
  return lua_;
}

Meter& Meter::of(lua_State* lua) {
  void* self = nullptr;
  lua_getallocf(lua, &self);
  return *static_cast<Meter*>(self);
}

void Meter::restart() {
  instructions_ = 0;
  bytes_most_ = bytes_;
  string_was_too_long_ = false;
  refused_line_ = 0;
  lua_sethook(lua_, &Meter::on_count, LUA_MASKCOUNT, kStep);
}

void Meter::on_count(lua_State* lua, lua_Debug*) { of(lua).charge(kStep); }

void Meter::charge(std::uint64_t instructions) {
  // A script can name any number: one more than the limit says as much, and does not overflow.
  instructions_ += std::min(instructions, limits_.instructions_max + 1);
  if (instructions_ <= limits_.instructions_max) return;
  lua_pushfstring(lua_, "more than %I instructions for one reading (instructions_max)",
                  static_cast<lua_Integer>(limits_.instructions_max));
  lua_error(lua_);
}

void* Meter::allocate(void* self, void* block, std::size_t old_size, std::size_t new_size) {
  auto& meter = *static_cast<Meter*>(self);
  if (new_size != 0) return meter.resize(block, old_size, new_size);
  if (block != nullptr) meter.bytes_ -= old_size;
  std::free(block);
  return nullptr;
}

void* Meter::resize(void* block, std::size_t old_size, std::size_t new_size) {
  // Of a new block, Lua says in the place of its old size what it is for.
  const bool is_string = block == nullptr && old_size == LUA_TSTRING;
  if (block == nullptr) old_size = 0;
  if (is_string && new_size > kStringBytesMax + kStringHeaderBytes) return refuse(true);
  // Lua relies on blocks that shrink: those are never refused.
  const bool grows = new_size > old_size;
  if (grows && new_size - old_size > limits_.memory_max - bytes_) return refuse(false);
  void* const out = std::realloc(block, new_size);
  if (out == nullptr) return refuse(false);
  bytes_ = bytes_ - old_size + new_size;
  bytes_most_ = std::max(bytes_most_, bytes_);
  // No error from within an allocation: the next look at the count finds it.
  if (is_string && new_size >= kChargedStringBytesMin) {
    instructions_ += new_size / kStringBytesPerInstruction;
  }
  return out;
}

void* Meter::refuse(bool string_is_too_long) {
  string_was_too_long_ = string_is_too_long;
  refused_line_ = lua_ == nullptr ? 0 : script_line(lua_);
  return nullptr;
}

}  // namespace sluice::script
