#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

namespace sluice::ctl {

/// sluicectl, the real binary, as a child process. Killed when the test forgets to end it.
class Program {
 public:
  using Variables = std::map<std::string, std::string>;

  /// With `terminal`, stdin, stdout and stderr are a pseudo terminal of 100 x 30 that is its
  /// controlling one; else stdin is `input_file` and the outputs are pipes.
  explicit Program(std::vector<std::string> arguments, bool terminal = false,
                   Variables environment = {}, const std::string& input_file = "/dev/null");
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  /// Reads until `text` has come on stdout since the call before; false when it ended without it.
  bool reads(const std::string& text);
  /// Waits for its end. The exit code, or 128 + the signal.
  int wait();
  void signal(int number) const;
  /// Waits until it has stopped (SIGSTOP); false when it ended instead.
  bool waits_stopped() const;

  const std::string& out() const { return out_; }
  const std::string& err() const { return err_; }
  /// Of the pseudo terminal: what the user types goes in here.
  int terminal_fd() const { return out_fd_; }
  /// Of the pseudo terminal: whether it echoes and edits lines, as a shell expects it.
  bool terminal_is_cooked() const;

 private:
  bool read_some();

  pid_t pid_ = -1;
  int out_fd_ = -1;
  int err_fd_ = -1;
  int slave_fd_ = -1;
  std::size_t seen_ = 0;
  std::string out_;
  std::string err_;
};

struct Outcome {
  int exit_code = -1;
  std::string out;
  std::string err;
};
Outcome run_sluicectl(std::vector<std::string> arguments, Program::Variables environment = {},
                      const std::string& input_file = "/dev/null");

}  // namespace sluice::ctl
