#include "pipeline/redelivery.h"

#include <algorithm>
#include <iterator>

#include "base/hash.h"

namespace sluice {

namespace {
constexpr std::uint64_t kIdMax = 65'535;

/// How far `id` lies ahead of `from` on the circle 1 … 65535.
std::uint32_t ahead(std::uint16_t id, std::uint16_t from) {
  return static_cast<std::uint32_t>((id + kIdMax - from) % kIdMax);
}
}  // namespace

/// The tail must hold what is stored and still unacknowledged at the broker. That is more than any
/// window: mosquitto 2.0.11 sends a long queue in one go, and the acks of all of it may be lost
/// with the connection (19,000 seen). What lies behind the tail is doubt.
Redelivery::Redelivery(bool arrival_stamped, std::size_t tail_max)
    : tail_max_(tail_max),
      arrival_stamped_(arrival_stamped),
      in_tail_(std::make_unique<std::bitset<65536>>()) {}

Fingerprint Redelivery::fingerprint(const IngestEvent& message) {
  ByteWriter topic;
  topic.string(message.topic);
  const std::uint64_t hash = hash64(message.payload, hash64(topic.bytes()));
  return {message.position.source, message.packet_id, message.dup, hash & kFingerprintMask};
}

void Redelivery::connected(bool session_present) {
  strange_ = session_present && (strange_ || !session_known_);
  session_known_ = true;
  kept_session_ = session_present;
  // What the last run passed over was not held by the broker any more.
  if (!rising_) forget_unconfirmed(cursor_);
  if (!session_present) put_aside();
  begin_run();
}

void Redelivery::begin_run() {
  for (Held& held : tail_) held.confirmed = false;
  limit_ = tail_.size();
  cursor_ = 0;
  kept_ = 0;
  aligned_ = false;
  run_over_ = false;
}

void Redelivery::put_aside() {
  if (tail_.empty() && last_id_ == 0) return;
  auto next = std::make_unique<Redelivery>(arrival_stamped_, tail_max_);
  swap_session(*next);
  if (!next->tail_.empty()) aside_ = std::move(next);
}

void Redelivery::swap_session(Redelivery& other) {
  std::swap(tail_, other.tail_);
  std::swap(in_tail_, other.in_tail_);
  std::swap(last_id_, other.last_id_);
  std::swap(rising_, other.rising_);
  std::swap(reuse_seen_, other.reuse_seen_);
}

bool Redelivery::is_of_aside(const Fingerprint& print) const {
  if (!aside_ || !kept_session_ || run_over_) return false;
  const std::size_t match = aside_->find(print.packet_id);
  return match != kNowhere && aside_->tail_[match].hash == print.hash;
}

void Redelivery::take_up_aside() {
  swap_session(*aside_);
  if (aside_->tail_.empty()) aside_.reset();
  begin_run();
}

Redelivery::Answer Redelivery::take(const Fingerprint& print) {
  Answer answer = Answer::fresh;
  if (print.dup) {
    std::size_t match = find(print.packet_id);
    bool equal = match != kNowhere && tail_[match].hash == print.hash;
    const bool of_aside = !equal && is_of_aside(print);
    if (of_aside && !arrival_stamped_) {
      take_up_aside();
      match = find(print.packet_id);
      equal = true;
    }
    const bool in_order = match >= cursor_ && match < limit_;
    if (equal && (in_order || !arrival_stamped_ || rising_)) return judge(match);
    const bool unknown = strange_ || (match == kNowhere && behind_tail(print.packet_id));
    if (equal || of_aside || unknown) answer = Answer::doubt;
    ++kept_;
    cursor_ = limit_;  // what the broker sent after one we never saw, we never saw either
  } else if (!run_over_) {
    run_over_ = true;
    strange_ = false;
    // Of what was stored before, the broker holds what it has sent again. (Where ids rise, what it
    // does not hold does no harm.)
    if (!rising_) forget_unconfirmed(limit_);
  }
  append(print);
  return answer;
}

/// Of a match: a copy, or an equal message under a reused id?
Redelivery::Answer Redelivery::judge(std::size_t match) {
  if (match < limit_) cursor_ = std::max(cursor_, match + 1);
  tail_[match].confirmed = true;
  bool doubtful = arrival_stamped_ && !rising_;
  if (doubtful && reuse_seen_ == 0) {
    // The lowest free id can only be this one if all lower ones are in use, by messages that came
    // earlier in this run and are no copies either: the tail, where ids rise, ends before them.
    doubtful = tail_[match].doubtful || (!aligned_ && tail_[match].packet_id <= kept_ + 1);
  }
  if (doubtful) {
    ++kept_;
    // If this one is new, what was stored after the other one is not held by the broker any more.
    for (std::size_t i = match + 1; i < limit_; ++i) tail_[i].doubtful = true;
    return Answer::doubt;
  }
  aligned_ = true;
  return Answer::duplicate;
}

/// Stored so long ago that the tail has forgotten it.
bool Redelivery::behind_tail(std::uint16_t packet_id) const {
  return rising_ && tail_.size() == tail_max_ &&
         ahead(tail_.front().packet_id, packet_id) < kIdMax / 2;
}

std::size_t Redelivery::find(std::uint16_t packet_id) const {
  if (!in_tail_->test(packet_id)) return kNowhere;
  // A run follows the tail.
  if (cursor_ < tail_.size() && tail_[cursor_].packet_id == packet_id) return cursor_;
  const auto held = std::find_if(tail_.begin(), tail_.end(),
                                 [&](const Held& h) { return h.packet_id == packet_id; });
  return static_cast<std::size_t>(std::distance(tail_.begin(), held));
}

/// What the next stored id says about how the broker gives them out.
void Redelivery::learn(const Fingerprint& print) {
  const std::uint16_t packet_id = print.packet_id;
  const bool behind = packet_id == last_id_ || ahead(packet_id, last_id_) > kIdMax / 2;
  if (in_tail_->test(packet_id) || (last_id_ != 0 && behind)) {
    rising_ = false;
    reuse_seen_ = tail_max_;
  } else if (reuse_seen_ > 0) {
    --reuse_seen_;
  } else if (packet_id > (print.dup ? tail_max_ : tail_.size()) + 1) {
    // The tail holds all that the broker may hold, so a lower id was free and was not taken. (What
    // a message sent before came after may have expired since.)
    rising_ = true;
  }
  last_id_ = packet_id;
}

void Redelivery::append(const Fingerprint& print) {
  learn(print);
  if (const std::size_t before = find(print.packet_id); before != kNowhere) forget_reused(before);
  tail_.push_back({print.packet_id, false, true, print.hash});
  in_tail_->set(print.packet_id);
  if (tail_.size() > tail_max_) forget_oldest();
}

/// An id is free again once its message was acknowledged, and so were all before it, but for those
/// the broker has sent again since.
void Redelivery::forget_reused(std::size_t index) {
  if (!tail_[index].confirmed) return forget_unconfirmed(index + 1);
  for (std::size_t n = index + 1; n > 0; --n) forget_oldest();
}

void Redelivery::forget_unconfirmed(std::size_t end) {
  std::deque<Held> rest;
  std::size_t limit = limit_;
  std::size_t cursor = cursor_;
  for (std::size_t i = 0; i < tail_.size(); ++i) {
    if (i >= std::min(end, limit_) || tail_[i].confirmed) {
      rest.push_back(tail_[i]);
      continue;
    }
    in_tail_->reset(tail_[i].packet_id);
    --limit;
    if (i < cursor_) --cursor;
  }
  tail_ = std::move(rest);
  limit_ = limit;
  cursor_ = cursor;
}

void Redelivery::forget_oldest() {
  in_tail_->reset(tail_.front().packet_id);
  tail_.pop_front();
  if (cursor_ > 0) --cursor_;
  if (limit_ > 0) --limit_;
}

void Redelivery::snapshot(ByteWriter& out) const {
  out.u8(static_cast<std::uint8_t>((session_known_ ? 1 : 0) | (rising_ ? 2 : 0) |
                                   (aligned_ ? 4 : 0) | (run_over_ ? 8 : 0) | (aside_ ? 16 : 0) |
                                   (strange_ ? 32 : 0) | (kept_session_ ? 64 : 0)));
  out.u64(last_id_);
  out.u64(reuse_seen_);
  out.u64(tail_.size());
  std::uint16_t id_before = 0;
  for (const Held& held : tail_) {
    // Rising ids take one byte: four times the step, and the flags.
    out.u64(std::uint64_t{ahead(held.packet_id, id_before)} << 2 | (held.doubtful ? 2 : 0) |
            (held.confirmed ? 1 : 0));
    out.fixed48(held.hash);
    id_before = held.packet_id;
  }
  out.u64(limit_);
  out.u64(cursor_);
  out.u64(kept_);
  if (aside_) aside_->snapshot(out);
}

Status Redelivery::restore(ByteReader& in) {
  const std::uint8_t flags = in.u8();
  session_known_ = (flags & 1) != 0;
  rising_ = (flags & 2) != 0;
  aligned_ = (flags & 4) != 0;
  run_over_ = (flags & 8) != 0;
  strange_ = (flags & 32) != 0;
  kept_session_ = (flags & 64) != 0;
  last_id_ = static_cast<std::uint16_t>(in.u64());
  reuse_seen_ = in.u64();
  tail_.clear();
  in_tail_->reset();
  std::uint16_t id = 0;
  for (std::size_t n = in.count(); n > 0 && in.ok(); --n) {
    const std::uint64_t step = in.u64();
    id = static_cast<std::uint16_t>((id + step / 4 + kIdMax - 1) % kIdMax + 1);
    tail_.push_back({id, (step & 2) != 0, (step & 1) != 0, in.fixed48()});
    in_tail_->set(id);
  }
  limit_ = in.u64();
  cursor_ = in.u64();
  kept_ = in.u64();
  if (!in.ok() || limit_ > tail_.size() || cursor_ > limit_ || in_tail_->count() != tail_.size()) {
    return data_loss("malformed redelivery tail in a checkpoint");
  }
  aside_.reset();
  if ((flags & 16) == 0) return {};
  aside_ = std::make_unique<Redelivery>(arrival_stamped_, tail_max_);
  if (Status s = aside_->restore(in); !s.ok()) return s;
  if (aside_->aside_) return data_loss("malformed redelivery tail in a checkpoint");
  return {};
}

}  // namespace sluice
