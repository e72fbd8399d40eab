#include "node/rehearsal_stream.h"

#include <utility>

#include "store/segment_codec.h"

namespace sluice {
namespace {

constexpr std::size_t kHeadBytes = 5;
constexpr std::size_t kIdBytes = 4;

void append_u32(std::size_t value, std::string& out) {
  for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<char>(value >> shift));
}

std::uint32_t read_u32(std::string_view bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    value |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  }
  return value;
}

}  // namespace

void append_frame(RehearsalFrame kind, std::string_view payload, std::string& out) {
  append_u32(payload.size(), out);
  out.push_back(static_cast<char>(kind));
  out.append(payload);
}

void append_definition(RehearsalFrame kind, std::uint32_t id, std::string_view bytes,
                       std::string& out) {
  append_u32(kIdBytes + bytes.size(), out);
  out.push_back(static_cast<char>(kind));
  append_u32(id, out);
  out.append(bytes);
}

void FrameCutter::push(std::string_view bytes) {
  bytes_.erase(0, std::exchange(at_, 0));
  bytes_.append(bytes);
}

Result<std::optional<FrameCutter::Frame>> FrameCutter::next() {
  const std::string_view rest = std::string_view(bytes_).substr(at_);
  if (rest.size() < kHeadBytes) return std::optional<Frame>();
  const std::size_t size = read_u32(rest);
  if (size > kRehearsalFrameBytesMax) {
    return data_loss("a frame of " + std::to_string(size) + " bytes");
  }
  if (rest.size() < kHeadBytes + size) return std::optional<Frame>();
  at_ += kHeadBytes + size;
  return std::optional<Frame>(
      {static_cast<RehearsalFrame>(rest[kHeadBytes - 1]), rest.substr(kHeadBytes, size)});
}

Status RehearsalSession::take(const FrameCutter::Frame& frame) {
  if (ended_) return data_loss("a frame after the end");
  if (frame.kind == RehearsalFrame::setup) return set_up(frame.payload);
  if (!rehearsal_) return data_loss("a frame before the setup");
  switch (frame.kind) {
    case RehearsalFrame::series:
    case RehearsalFrame::topic: return define(frame);
    case RehearsalFrame::segment: return take_segment(frame.payload);
    case RehearsalFrame::end: ended_ = true; return {};
    default: return data_loss("a frame of an unknown kind");
  }
}

Status RehearsalSession::set_up(std::string_view payload) {
  v1::RehearsalSetup setup;
  if (rehearsal_) return data_loss("a second setup");
  if (!setup.ParseFromArray(payload.data(), static_cast<int>(payload.size()))) {
    return data_loss("malformed setup");
  }
  rehearsal_ = std::make_unique<Rehearsal>(
      setup.config(),
      std::vector<std::string>(setup.recorded_sources().begin(), setup.recorded_sources().end()));
  return {};
}

Status RehearsalSession::define(const FrameCutter::Frame& frame) {
  if (frame.payload.size() < kIdBytes) return data_loss("malformed definition");
  const std::uint32_t id = read_u32(frame.payload);
  const std::string_view bytes = frame.payload.substr(kIdBytes);
  return frame.kind == RehearsalFrame::series ? rehearsal_->define_series(id, bytes)
                                              : rehearsal_->define_topic(id, bytes);
}

/// One that this program does not understand is no more than missing.
Status RehearsalSession::take_segment(std::string_view payload) {
  Result<Segment> segment = decode_segment(payload);
  if (!segment.ok() || !rehearsal_->take(*std::move(segment)).ok()) rehearsal_->miss();
  return {};
}

}  // namespace sluice
