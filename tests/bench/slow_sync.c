/* LD_PRELOAD: a flash with another temper. For tests and benchmarks.
 *   SYNC_US        every fsync and fdatasync takes this many microseconds more (8000 = eMMC-like)
 *   SYNC_FAIL_FILE while this file exists, they fail with EIO and sync nothing
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static int slow(const char* name, int fd) {
  const char* us = getenv("SYNC_US");
  const long wait_us = us != NULL ? atol(us) : 0;
  struct timespec left = {wait_us / 1000000, (wait_us % 1000000) * 1000};
  while (wait_us > 0 && nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
  const char* fail_file = getenv("SYNC_FAIL_FILE");
  if (fail_file != NULL && access(fail_file, F_OK) == 0) {
    errno = EIO;
    return -1;
  }
  int (*real)(int);
  *(void**)&real = dlsym(RTLD_NEXT, name);
  return real(fd);
}

int fsync(int fd) { return slow("fsync", fd); }
int fdatasync(int fd) { return slow("fdatasync", fd); }
