#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "node/rehearsal.h"
#include "sluice/v1/plan.pb.h"

namespace sluice {

/// What the daemon and sluice-rehearse tell each other: frames, each a length of 4 bytes (little
/// endian, of the payload), a kind of one byte, and the payload. To the program: a setup, then
/// definitions and segments, a definition before the first segment that needs it, then the end.
/// From it: a report, or why there is none.
enum class RehearsalFrame : std::uint8_t {
  setup = 1,    ///< v1::RehearsalSetup
  series = 2,   ///< the id as 4 bytes, then encode_series()
  topic = 3,    ///< likewise, encode_topic()
  segment = 4,  ///< encode_segment(); empty: one that could not be read
  end = 5,
  report = 6,  ///< v1::RehearsalReport
  failure = 7  ///< a sentence
};

inline constexpr std::size_t kRehearsalFrameBytesMax = std::size_t{64} << 20;

/// Appends a frame.
void append_frame(RehearsalFrame kind, std::string_view payload, std::string& out);
/// One that defines `id`.
void append_definition(RehearsalFrame kind, std::uint32_t id, std::string_view bytes,
                       std::string& out);

/// Cuts a stream of bytes, as they come, into frames. Keeps what is missing its end, so no more
/// than a frame and what came with it.
class FrameCutter {
 public:
  struct Frame {
    RehearsalFrame kind;
    std::string_view payload;  ///< borrowed until the next call
  };
  void push(std::string_view bytes);
  /// Nothing while the next one is not complete. `data_loss` for a length that no frame has.
  Result<std::optional<Frame>> next();
  /// There is nothing beside what next() gave out.
  bool empty() const { return at_ == bytes_.size(); }

 private:
  std::string bytes_;
  std::size_t at_ = 0;  ///< where the next frame begins
};

/// The program's side: what the frames make of a Rehearsal. One thread.
class RehearsalSession {
 public:
  /// `data_loss` for a frame that is malformed or does not come in its turn.
  Status take(const FrameCutter::Frame& frame);
  bool ended() const { return ended_; }
  /// Once ended().
  v1::RehearsalReport report() { return rehearsal_->finish(); }

 private:
  Status set_up(std::string_view payload);
  Status define(const FrameCutter::Frame& frame);
  Status take_segment(std::string_view payload);

  std::unique_ptr<Rehearsal> rehearsal_;
  bool ended_ = false;
};

}  // namespace sluice
