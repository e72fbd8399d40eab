#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/mutex.h"
#include "hub/tls_files.h"

namespace sluice::hub {

/// The TLS files as they are now: read again when they were changed. What cannot work (half of a
/// new pair is there, a file was cut off) is told once, and what was read before holds. Any thread.
class TlsReload {
 public:
  /// `first` is what was read of the files. Empty paths: it stays so. `clock` is borrowed.
  TlsReload(TlsPaths paths, TlsPem first, const Clock& clock)
      : paths_(std::move(paths)), clock_(clock), current_(std::move(first)) {}

  /// What holds from now on, at first `first`; none when that is what it was at the last call.
  /// Looks at the files once a second at most.
  std::optional<TlsPem> changed();

  bool wants_client_certificates() const { return wants_client_certificates_; }

 private:
  /// By which a file differs from what it was.
  struct Mark {
    std::int64_t changed_ns = 0;
    std::int64_t bytes = -1;  ///< -1: it is not there
    std::uint64_t inode = 0;
    friend bool operator==(const Mark&, const Mark&) = default;
  };
  using Marks = std::array<Mark, 3>;
  static Mark mark_of(const std::string& path);
  bool is_time_to_look() SLUICE_REQUIRES(mutex_);

  const TlsPaths paths_;
  const Clock& clock_;
  Mutex mutex_;
  bool is_new_ SLUICE_GUARDED_BY(mutex_) = true;
  std::optional<std::int64_t> looked_ns_ SLUICE_GUARDED_BY(mutex_);
  std::optional<Marks> marks_ SLUICE_GUARDED_BY(mutex_);
  TlsPem current_ SLUICE_GUARDED_BY(mutex_);
  const bool wants_client_certificates_ = !current_.client_ca.empty();
};

}  // namespace sluice::hub
