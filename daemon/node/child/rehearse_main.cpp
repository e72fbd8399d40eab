// sluice-rehearse PARENT_PID MEMORY_BYTES CPU_S: one config on recorded segments, which come on the
// standard input (node/rehearsal_stream.h); the report goes to the standard output. Started by the
// daemon, and by nobody else. A plugin that crashes, hangs or leaks ends this process alone.

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <new>
#include <string>
#include <string_view>

#include "base/log.h"
#include "node/child/confinement.h"
#include "node/rehearsal_process.h"
#include "node/rehearsal_stream.h"

namespace {

using namespace sluice;

/// 0 when it is none.
std::uint64_t number(const std::string& text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

bool write_all(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

Status take_all(FrameCutter& cutter, RehearsalSession& session) {
  for (;;) {
    const auto frame = cutter.next();
    if (!frame.ok()) return frame.status();
    if (!*frame) return {};
    if (Status s = session.take(**frame); !s.ok()) return s;
  }
}

Status read_to_end(RehearsalSession& session) {
  FrameCutter cutter;
  std::string chunk(std::size_t{64} << 10, '\0');
  while (!session.ended()) {
    const ssize_t size = ::read(STDIN_FILENO, chunk.data(), chunk.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return data_loss("the stream has no end");
    cutter.push(std::string_view(chunk).substr(0, static_cast<std::size_t>(size)));
    if (Status s = take_all(cutter, session); !s.ok()) return s;
  }
  return {};
}

int tell(RehearsalFrame kind, std::string_view payload, int code) {
  std::string frame;
  append_frame(kind, payload, frame);
  return write_all(frame) ? code : kRehearsalBroken;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("sluice-rehearse is started by sluiced; there is nothing to do here\n", stderr);
    return 2;
  }
  // Who stops the daemon may signal its whole group; this process ends with it.
  for (const int signal : {SIGHUP, SIGINT, SIGQUIT, SIGTERM}) ::signal(signal, SIG_IGN);
  log::use_stderr();
  log::configure(log::Level::error, log::Format::logfmt);
  std::set_new_handler([] { ::_exit(kRehearsalOutOfMemory); });
  RehearsalSession session;
  Status status = confine({number(argv[1]), number(argv[2]), number(argv[3])});
  if (status.ok()) status = read_to_end(session);
  if (!status.ok()) ::_exit(tell(RehearsalFrame::failure, status.message(), kRehearsalBroken));
  const std::string report = session.report().SerializeAsString();
  // Without destroying what a plugin may have broken.
  ::_exit(tell(RehearsalFrame::report, report, 0));
}

#if defined(__SANITIZE_ADDRESS__)
/// A crash ends it by its signal, as it does where nobody looks on; looking for leaks takes ptrace.
extern "C" const char* __asan_default_options() {
  return "detect_leaks=0:handle_segv=0:handle_abort=0:handle_sigfpe=0:handle_sigill=0:handle_"
         "sigbus=0";
}
#endif
