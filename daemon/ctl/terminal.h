#pragma once

#include <csignal>
#include <cstdint>
#include <memory>
#include <vector>

#include "ctl/top_screen.h"

namespace sluice::ctl {

/// What woke a wait.
enum class Wake : std::uint8_t { timeout, stop, resize, suspend };

/// SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP and SIGWINCH as things to wait for. Make it before any
/// thread starts: threads inherit what is blocked here.
class Signals {
 public:
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;
  /// Waits at most `timeout_ms`, negative as 0. With `keys`, "q" on stdin is a stop too.
  Wake wait(int timeout_ms, bool keys);

 private:
  Wake read_signal();
  Wake read_key();

  sigset_t before_{};
  int fd_ = -1;
  bool keys_open_ = true;
};

/// The terminal as a canvas: the alternate screen, no cursor, no echo. Everything is as before when
/// it goes.
class Terminal {
 public:
  Terminal();
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  /// True when stdout is a terminal.
  static bool available();
  /// 80 x 24 when the terminal does not tell.
  ScreenSize size() const;
  /// False when the terminal is gone.
  bool draw(const std::vector<ScreenLine>& lines);
  /// Gives the screen back, stops the process as Ctrl-Z does, and takes the screen when continued.
  void suspend();

 private:
  void enter();
  void leave();

  struct Mode;
  std::unique_ptr<Mode> saved_;  ///< of stdin; empty when it is no terminal
};

}  // namespace sluice::ctl
