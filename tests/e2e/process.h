#pragma once

#include <sys/types.h>

#include <ctime>

#include <string>
#include <vector>

namespace sluice::e2e {

/// A program that a test started and that ends with it. Output goes to a log file.
class Process {
 public:
  Process() = default;
  Process(const std::vector<std::string>& command, const std::string& log_file);
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  ~Process();

  bool running();
  /// Sends `signal` and waits for the end, with SIGKILL after 10 s. The exit code, or -signal.
  int end(int signal);
  /// Waits for the end by itself. The exit code, or -signal.
  int wait();
  pid_t pid() const { return pid_; }

 private:
  int reap(int options);
  pid_t pid_ = -1;
  int result_ = 0;
};

struct Output {
  int exit_code = 0;
  std::string text;
};
/// Runs to the end; standard output as text.
Output run(const std::vector<std::string>& command);

/// Polls every 50 ms, `seconds` * 20 times: where a look takes long, the wait is longer.
template <typename Condition>
bool until(int seconds, Condition condition) {
  for (int i = 0; i < seconds * 20; ++i) {
    if (condition()) return true;
    timespec pause{0, 50'000'000};
    nanosleep(&pause, nullptr);
  }
  return condition();
}

}  // namespace sluice::e2e
