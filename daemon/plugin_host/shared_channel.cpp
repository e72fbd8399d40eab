#include "plugin_host/shared_channel.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <utility>

namespace sluice {
namespace {

constexpr std::size_t kHeadBytes = 64;
constexpr std::size_t kLaneStride = kHeadBytes + SharedChannel::kLaneBytes;
constexpr std::size_t kMemoryBytes = 2 * kLaneStride;

Status system_error(const char* what) {
  return internal_error(std::string(what) + ": " + std::strerror(errno));
}

void futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t seen,
                std::chrono::nanoseconds at_most) {
  timespec limit{};
  limit.tv_sec = static_cast<time_t>(at_most.count() / 1'000'000'000);
  limit.tv_nsec = static_cast<long>(at_most.count() % 1'000'000'000);
  ::syscall(SYS_futex, &word, FUTEX_WAIT, seen, at_most.count() < 0 ? nullptr : &limit, nullptr, 0);
}

void futex_wake(std::atomic<std::uint32_t>& word) {
  ::syscall(SYS_futex, &word, FUTEX_WAKE, 1, nullptr, nullptr, 0);
}

}  // namespace

Result<SharedChannel> SharedChannel::create() {
  UniqueFd fd(::memfd_create("sluice-plugin", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd.valid()) return system_error("memfd_create");
  if (::ftruncate(fd.get(), kMemoryBytes) != 0) return system_error("ftruncate");
  if (::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    return system_error("F_ADD_SEALS");
  }
  return map(std::move(fd), true);
}

Result<SharedChannel> SharedChannel::attach(UniqueFd fd) {
  struct stat is {};
  if (::fstat(fd.get(), &is) != 0) return system_error("fstat");
  if (is.st_size != static_cast<off_t>(kMemoryBytes)) {
    return failed_precondition("the shared memory is not of this version");
  }
  return map(std::move(fd), false);
}

Result<SharedChannel> SharedChannel::map(UniqueFd fd, bool is_creator) {
  void* memory = ::mmap(nullptr, kMemoryBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (memory == MAP_FAILED) return system_error("mmap");
  return SharedChannel(std::move(fd), static_cast<char*>(memory), is_creator);
}

SharedChannel::SharedChannel(UniqueFd fd, char* memory, bool is_creator)
    : fd_(std::move(fd)), memory_(memory), is_creator_(is_creator) {}

SharedChannel::SharedChannel(SharedChannel&& other) noexcept
    : fd_(std::move(other.fd_)),
      memory_(std::exchange(other.memory_, nullptr)),
      is_creator_(other.is_creator_) {}

SharedChannel::~SharedChannel() {
  if (memory_ != nullptr) ::munmap(memory_, kMemoryBytes);
}

SharedChannel::Lane& SharedChannel::lane(bool of_creator) const {
  static_assert(sizeof(Lane) == kHeadBytes && std::atomic<std::uint32_t>::is_always_lock_free);
  return *reinterpret_cast<Lane*>(memory_ + (of_creator ? 0 : kLaneStride));
}

Status SharedChannel::wait_for(std::atomic<std::uint32_t>& word, std::uint32_t wanted,
                               Patience& patience) {
  for (;;) {
    const std::uint32_t seen = word.load(std::memory_order_acquire);
    if (seen == wanted) return {};
    if (Status s = patience.go_on(); !s.ok()) {
      // It may have come while we asked.
      return word.load(std::memory_order_acquire) == wanted ? Status() : s;
    }
    futex_wait(word, seen, patience.slice());
  }
}

Status SharedChannel::send(std::string_view message, Patience& patience) {
  Lane& to = lane(is_creator_);
  char* const chunk = reinterpret_cast<char*>(&to) + kHeadBytes;
  do {
    if (Status s = wait_for(to.full, 0, patience); !s.ok()) return s;
    const std::size_t size = std::min(message.size(), kLaneBytes);
    std::memcpy(chunk, message.data(), size);
    message.remove_prefix(size);
    to.bytes.store(static_cast<std::uint32_t>(size), std::memory_order_relaxed);
    to.more.store(message.empty() ? 0 : 1, std::memory_order_relaxed);
    to.full.store(1, std::memory_order_release);
    futex_wake(to.full);
  } while (!message.empty());
  return {};
}

Status SharedChannel::receive(std::string& message, std::size_t bytes_max, Patience& patience) {
  Lane& from = lane(!is_creator_);
  const char* const chunk = reinterpret_cast<const char*>(&from) + kHeadBytes;
  message.clear();
  for (bool more = true; more;) {
    if (Status s = wait_for(from.full, 1, patience); !s.ok()) return s;
    const std::size_t size = from.bytes.load(std::memory_order_relaxed);
    more = from.more.load(std::memory_order_relaxed) == 1;
    if (size > kLaneBytes || size > bytes_max - message.size()) {
      return internal_error("a message of more than " + std::to_string(bytes_max) + " bytes");
    }
    message.append(chunk, size);
    from.full.store(0, std::memory_order_release);
    // Who has sent the last chunk waits for an answer, not for this.
    if (more) futex_wake(from.full);
  }
  return {};
}

}  // namespace sluice
