#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"
#include "base/unique_fd.h"

namespace sluice {

/// How long to wait for the other side.
class Patience {
 public:
  virtual ~Patience() = default;
  /// Asked before each wait: not ok when it is no use to wait any longer, and why.
  virtual Status go_on() = 0;
  /// The longest wait until the next question; negative: as long as it takes.
  virtual std::chrono::nanoseconds slice() const = 0;
};

/// Messages of any length between two processes, through memory that both see: one lane each way,
/// which takes a chunk at a time, with a futex to wait at. No system call but to wait and to wake.
/// A side sends its next message when the last one has been answered.
///
/// The other side may write what it likes at any time: lengths are read once and checked, and what
/// was received is a copy. It cannot make the memory smaller.
class SharedChannel {
 public:
  /// What a lane takes at a time; a message of several chunks takes as many turns.
  static constexpr std::size_t kLaneBytes = std::size_t{256} << 10;

  /// New memory for two.
  static Result<SharedChannel> create();
  /// The other end, from the descriptor that create() made.
  static Result<SharedChannel> attach(UniqueFd fd);
  SharedChannel(SharedChannel&& other) noexcept;
  SharedChannel& operator=(SharedChannel&&) = delete;
  ~SharedChannel();

  /// For the other process; closed on exec.
  int fd() const { return fd_.get(); }
  Status send(std::string_view message, Patience& patience);
  /// Into `message`, whose memory is reused. `internal` for one of more than `bytes_max`.
  Status receive(std::string& message, std::size_t bytes_max, Patience& patience);

 private:
  /// At the start of each lane, on a cache line of its own.
  struct alignas(64) Lane {
    std::atomic<std::uint32_t> full;  ///< 1: a chunk is there to be taken
    std::atomic<std::uint32_t> bytes;
    std::atomic<std::uint32_t> more;  ///< 1: the message goes on in the next chunk
  };
  SharedChannel(UniqueFd fd, char* memory, bool is_creator);
  static Result<SharedChannel> map(UniqueFd fd, bool is_creator);
  Lane& lane(bool of_creator) const;
  static Status wait_for(std::atomic<std::uint32_t>& word, std::uint32_t wanted,
                         Patience& patience);

  UniqueFd fd_;
  char* memory_;
  bool is_creator_;
};

}  // namespace sluice
