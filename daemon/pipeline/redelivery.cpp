#include "pipeline/redelivery.h"

#include <algorithm>

#include "base/hash.h"

namespace sluice {

namespace {
/// Brokers send more than the window they promised (mosquitto 2.0.11 after the first acks), and an
/// ack may be lost on its way: the tail must reach back further than the window.
constexpr std::size_t kWindowMin = 512;
constexpr std::size_t kTailWindows = 4;
}  // namespace

Redelivery::Redelivery(std::size_t window)
    : tail_max_(kTailWindows * std::max(window, kWindowMin)) {}

void Redelivery::connected(bool session_present) {
  if (!session_present) {
    ++generation_;
    tail_.clear();
  }
  cursor_ = 0;
  limit_ = tail_.size();
}

std::uint64_t Redelivery::fingerprint(const IngestEvent& message) const {
  ByteWriter head;
  head.u64(generation_);
  head.u64(message.packet_id);
  head.string(message.topic);
  return hash64(message.payload, hash64(head.bytes()));
}

Redelivery::Answer Redelivery::check(bool dup, std::uint64_t fingerprint) {
  if (!dup) return Answer::fresh;
  const auto begin = tail_.begin();
  const auto end = begin + static_cast<std::ptrdiff_t>(limit_);
  const auto cursor = begin + static_cast<std::ptrdiff_t>(cursor_);
  const auto match = std::find(cursor, end, fingerprint);
  if (match != end) {
    cursor_ = static_cast<std::size_t>(match - begin) + 1;
    return Answer::duplicate;
  }
  return std::find(begin, cursor, fingerprint) != cursor ? Answer::doubt : Answer::fresh;
}

void Redelivery::stored(std::uint64_t fingerprint) {
  tail_.push_back(fingerprint);
  if (tail_.size() <= tail_max_) return;
  tail_.pop_front();
  if (cursor_ > 0) --cursor_;
  if (limit_ > 0) --limit_;
}

void Redelivery::inherit(const Redelivery& other) {
  const std::size_t tail_max = tail_max_;
  *this = other;
  tail_max_ = std::max(tail_max, other.tail_max_);
}

void Redelivery::snapshot(ByteWriter& out) const {
  out.u64(generation_);
  out.u64(tail_.size());
  for (const std::uint64_t hash : tail_) out.fixed64(hash);
  out.u64(cursor_);
  out.u64(limit_);
}

Status Redelivery::restore(ByteReader& in) {
  generation_ = in.u64();
  tail_.clear();
  for (std::size_t n = in.count(); n > 0 && in.ok(); --n) tail_.push_back(in.fixed64());
  cursor_ = in.u64();
  limit_ = in.u64();
  if (!in.ok() || limit_ > tail_.size() || cursor_ > limit_) {
    return data_loss("malformed redelivery tail in a checkpoint");
  }
  return {};
}

}  // namespace sluice
