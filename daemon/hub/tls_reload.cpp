#include "hub/tls_reload.h"

#include <sys/stat.h>

#include "base/log.h"

namespace sluice::hub {
namespace {

constexpr std::int64_t kLookIntervalNs = 1'000'000'000;

}  // namespace

TlsReload::Mark TlsReload::mark_of(const std::string& path) {
  struct stat file = {};
  if (path.empty() || ::stat(path.c_str(), &file) != 0) return {};
  // The change time, which nobody can set back as an unpacker does the other one.
  return {std::int64_t{file.st_ctim.tv_sec} * 1'000'000'000 + file.st_ctim.tv_nsec,
          std::int64_t{file.st_size}, std::uint64_t{file.st_ino}};
}

bool TlsReload::is_time_to_look() {
  if (paths_.certificate.empty()) return false;
  const std::int64_t now_ns = clock_.boottime_ns();
  if (looked_ns_ && now_ns - *looked_ns_ < kLookIntervalNs) return false;
  looked_ns_ = now_ns;
  return true;
}

std::optional<TlsPem> TlsReload::changed() {
  MutexLock lock(mutex_);
  if (std::exchange(is_new_, false)) return current_;
  if (!is_time_to_look()) return std::nullopt;
  // Before they are read: what changes meanwhile is another change.
  const Marks marks = {mark_of(paths_.certificate), mark_of(paths_.key), mark_of(paths_.client_ca)};
  if (marks_ == marks) return std::nullopt;
  marks_ = marks;
  auto pem = load_tls(paths_);
  if (!pem.ok()) {
    log::warn("hub", "the TLS files were changed and cannot work, the former ones hold",
              {{"why", pem.status().to_string()}});
    return std::nullopt;
  }
  if (*pem == current_) return std::nullopt;
  current_ = *std::move(pem);
  log::info("hub", "the TLS files were read again", {{"certificate", paths_.certificate}});
  return current_;
}

}  // namespace sluice::hub
