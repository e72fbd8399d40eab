// sluice-plugin-host FILE NAME MEMORY_BYTES PARENT_PID: one plugin in a process of its own, with
// the channel to the daemon at descriptor 3, and the file at 4 where another one has its name.
// Started by the daemon, and by nobody else.

#include <signal.h>
#include <unistd.h>

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "plugin_host/child/plugin_server.h"
#include "plugin_host/child/sandbox.h"

namespace {

using namespace sluice;

constexpr int kChannelFd = 3;
constexpr int kPluginFd = 4;

Result<std::unique_ptr<PluginLibrary>> load_locked(const SandboxOptions& options,
                                                   const std::string& name) {
  if (Status s = lock_down(options); !s.ok()) return s;
  auto library = PluginLibrary::open_file(options.plugin_path, name);
  if (!library.ok()) return library.status();
  if (options.plugin_path.starts_with("/proc/")) ::close(kPluginFd);
  if (Status s = lock_up(); !s.ok()) return s;
  return library;
}

/// 0 when it is none.
std::uint64_t number(const std::string& text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

/// Who stops the daemon signals the whole group or session; what becomes of this process then, the
/// daemon decides, which may still need a snapshot.
void leave_signals_to_the_daemon() {
  for (const int signal : {SIGHUP, SIGINT, SIGQUIT, SIGTERM}) ::signal(signal, SIG_IGN);
}

}  // namespace

int main(int argc, char** argv) {
  leave_signals_to_the_daemon();
  Result<SharedChannel> channel = argc == 5 ? SharedChannel::attach(UniqueFd(kChannelFd))
                                            : Result<SharedChannel>(invalid_argument("no channel"));
  if (!channel.ok()) {
    std::fputs("sluice-plugin-host is started by sluiced; there is nothing to do here\n", stderr);
    return 2;
  }
  // Never destroyed: the process ends where it stands.
  auto& server = *new PluginServer(*channel);
  auto library = load_locked({argv[1], number(argv[3]), number(argv[4])}, argv[2]);
  server.tell_loaded(library);
  if (!library.ok()) ::_exit(1);
  const Status ended = server.serve(std::shared_ptr<PluginLibrary>(*std::move(library)));
  ::_exit(ended.ok() ? 0 : 3);
}

#if defined(__SANITIZE_ADDRESS__)
/// Looking for leaks takes threads and ptrace, which the sandbox refuses.
extern "C" const char* __asan_default_options() { return "detect_leaks=0"; }
#endif
