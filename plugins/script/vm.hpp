#pragma once

#include <lua.hpp>
#include <memory>
#include <string>
#include <string_view>

#include "config.hpp"
#include "meter.hpp"
#include "turn.hpp"

namespace sluice::script {

/// A script, and the Lua state it is loaded in.
///
/// Between two readings it holds nothing that the next one could see but what it was loaded with:
/// globals and tables are frozen, locals compared, and the states live outside as bytes. So a
/// reading is answered alike in an old Vm and in a new one.
class Vm {
 public:
  /// Loads the script, which defines on_reading. Throws std::invalid_argument with the line and
  /// what is wrong.
  Vm(const Limits& limits, std::string_view script, const sdk::Config::Table& params);

  enum class Outcome {
    done,
    failed,
    unsure  ///< what a new Vm makes of the reading counts; never of the first reading
  };
  /// One reading. Without `done`, why() says what went wrong, nothing in `turn` counts but
  /// what was printed, and the Vm is to be thrown away.
  Outcome run(Turn& turn);
  const std::string& why() const { return why_; }

  /// Whether the bytes are a state, as encode_state() makes them.
  bool is_state(std::string_view bytes);

 private:
  struct Close {
    void operator()(lua_State* lua) const { lua_close(lua); }
  };

  /// Calls `function` with `argument`, so that no error of Lua's leaves it.
  Outcome call(lua_CFunction function, void* argument);

  Meter meter_;  ///< outlives the state, whose memory it counts
  std::unique_ptr<lua_State, Close> lua_;
  std::string why_;
  bool is_new_ = true;
};

}  // namespace sluice::script
