#include "ctl/terminal.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <string_view>

namespace sluice::ctl {
namespace {

bool write_all(std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(STDOUT_FILENO, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

std::string_view style_code(Style style) {
  switch (style) {
    case Style::title: return "\x1b[1;32m";
    case Style::heading: return "\x1b[7m";
    case Style::bad: return "\x1b[1;31m";
    case Style::dim: return "\x1b[2m";
    case Style::plain: break;
  }
  return "";
}

}  // namespace

Signals::Signals() {
  sigset_t wanted;
  sigemptyset(&wanted);
  for (const int s : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH}) sigaddset(&wanted, s);
  ::pthread_sigmask(SIG_BLOCK, &wanted, &before_);
  fd_ = ::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
}

Signals::~Signals() {
  if (fd_ >= 0) ::close(fd_);
  ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

Wake Signals::wait(int timeout_ms, bool keys) {
  pollfd fds[] = {{fd_, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
  const nfds_t count = keys && keys_open_ ? 2 : 1;
  if (::poll(fds, count, std::max(timeout_ms, 0)) <= 0) return Wake::timeout;
  if (fds[0].revents != 0) return read_signal();
  return read_key();
}

Wake Signals::read_signal() {
  signalfd_siginfo signal{};
  if (::read(fd_, &signal, sizeof signal) != sizeof signal) return Wake::timeout;
  if (signal.ssi_signo == SIGWINCH) return Wake::resize;
  if (signal.ssi_signo == SIGTSTP) return Wake::suspend;
  return Wake::stop;
}

Wake Signals::read_key() {
  char key = 0;
  // A closed stdin would be readable for ever.
  if (::read(STDIN_FILENO, &key, 1) != 1) keys_open_ = false;
  return key == 'q' || key == 'Q' ? Wake::stop : Wake::resize;
}

struct Terminal::Mode {
  termios value;
};

Terminal::Terminal() {
  Mode mode{};
  if (::tcgetattr(STDIN_FILENO, &mode.value) == 0) saved_ = std::make_unique<Mode>(mode);
  enter();
}

Terminal::~Terminal() { leave(); }

bool Terminal::available() { return ::isatty(STDOUT_FILENO) == 1; }

void Terminal::enter() {
  if (saved_) {
    termios raw = saved_->value;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    ::tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
  }
  write_all("\x1b[?1049h\x1b[?25l\x1b[H\x1b[2J");
}

void Terminal::leave() {
  write_all("\x1b[0m\x1b[?25h\x1b[?1049l");
  if (saved_) ::tcsetattr(STDIN_FILENO, TCSADRAIN, &saved_->value);
}

ScreenSize Terminal::size() const {
  winsize window{};
  ScreenSize size;
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 0 && window.ws_row > 0) {
    size.width = window.ws_col;
    size.height = window.ws_row;
  }
  return size;
}

bool Terminal::draw(const std::vector<ScreenLine>& lines) {
  std::string frame = "\x1b[H";
  for (std::size_t i = 0; i < lines.size(); ++i) {
    // No line end after the last one: on a full screen it would scroll the first one away.
    if (i > 0) frame += "\r\n";
    frame += style_code(lines[i].style);
    frame += lines[i].text;
    frame += "\x1b[0m\x1b[K";
  }
  return write_all(frame + "\x1b[J");
}

void Terminal::suspend() {
  leave();
  ::kill(::getpid(), SIGSTOP);
  enter();
}

}  // namespace sluice::ctl
