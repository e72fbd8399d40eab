// Becomes sluice-plugin-host on a kernel without landlock, as far as that can see. Stands in its
// place as the program of IsolationOptions.

#include <seccomp.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>

int main(int, char** argv) {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return 2;
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  if (filter == nullptr) return 2;
  const int error =
      seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(landlock_create_ruleset), 0);
  if (error != 0 || seccomp_load(filter) != 0) return 2;
  ::execv(PLUGIN_HOST_PROGRAM, argv);
  return 2;
}
