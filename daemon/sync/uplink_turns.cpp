#include "sync/uplink_turns.h"

#include <algorithm>
#include <chrono>

#include "base/log.h"

namespace sluice {
namespace {
constexpr std::int64_t kRefusedRetryNs = 300'000'000'000;
constexpr std::size_t kPassOverBytes = 1 << 20;
}  // namespace

UplinkTurns::Refused* UplinkTurns::find(const Identity& identity) {
  const auto it = std::find_if(refused_.begin(), refused_.end(), [&](const Refused& refused) {
    return refused.identity == identity;
  });
  return it == refused_.end() ? nullptr : &*it;
}

/// What was passed over lies below acked_seq_. Rows that are sent again are acknowledged again.
void UplinkTurns::begin_again_if_due(std::int64_t now_ns) {
  if (std::any_of(refused_.begin(), refused_.end(),
                  [&](const Refused& refused) { return refused.retry_ns <= now_ns; })) {
    acked_seq_ = 0;
  }
}

Result<UplinkTurn> UplinkTurns::next() {
  const auto current = context_.source.identity();
  const std::int64_t now = context_.clock.boottime_ns();
  begin_again_if_due(now);
  for (;;) {
    auto rows = context_.source.read_outbox(acked_seq_, refused_.empty() ? 1 : kPassOverBytes);
    if (!rows.ok()) return rows.status();
    // While an epoch is being ended, all rows are of ended ones.
    if (rows->empty() && !current.ok()) return current.status();
    if (rows->empty() || (current.ok() && rows->front().identity == *current)) {
      return UplinkTurn{*current, false, false, next_retry_ns(now)};
    }
    const Refused* refused = find(rows->front().identity);
    if (refused == nullptr || refused->retry_ns <= now) {
      return UplinkTurn{rows->front().identity, true, rows->front().identity == row_by_row_};
    }
    acked_seq_ = rows->back().seq;
  }
}

/// 0: nothing was passed over.
std::int64_t UplinkTurns::next_retry_ns(std::int64_t now_ns) const {
  std::int64_t next_ns = 0;
  for (const Refused& refused : refused_) {
    if (refused.retry_ns <= now_ns) continue;
    next_ns = next_ns == 0 ? refused.retry_ns : std::min(next_ns, refused.retry_ns);
  }
  return next_ns;
}

bool UplinkTurns::too_long(std::int64_t since_ns, std::int64_t now_ns) const {
  return now_ns - since_ns >=
         std::chrono::nanoseconds(context_.options.live_elsewhere_after).count();
}

void UplinkTurns::current_ended(const UplinkTurn& turn, const Status& why, std::int64_t now_ns) {
  if (why.code() == StatusCode::aborted)
    return context_.callbacks.end_epoch(turn.identity.epoch, 0);
  if (why.code() != StatusCode::already_exists) {
    // An hour of failures to reach the hub says nothing about a twin.
    if (why.code() != StatusCode::unavailable) twin_since_ns_ = 0;
    return;
  }
  if (twin_since_ns_ == 0) twin_since_ns_ = now_ns;
  if (!too_long(twin_since_ns_, now_ns)) return;
  twin_since_ns_ = 0;
  log::warn("sync", "another node is live under our name and epoch: a new epoch begins",
            {{"node", turn.identity.node}, {"epoch", turn.identity.epoch}});
  context_.callbacks.end_epoch(turn.identity.epoch, 0);
}

void UplinkTurns::give_up_first_row(const UplinkTurn& turn) {
  const auto rows = context_.source.read_outbox(acked_seq_, 1);
  if (!rows.ok() || rows->empty() || !(rows->front().identity == turn.identity)) return;
  const std::int64_t seq = rows->front().seq;
  const Status status = context_.source.give_up(turn.identity, seq, seq, GiveUp::other_life);
  log::error("sync", "a row of an ended epoch uses series that another life of it has defined",
             {{"node", turn.identity.node},
              {"epoch", turn.identity.epoch},
              {"seq", seq},
              {"result", status.to_string()}});
}

void UplinkTurns::ended(const UplinkTurn& turn, const Status& why) {
  const std::int64_t now = context_.clock.boottime_ns();
  if (!turn.ended) return current_ended(turn, why, now);
  if (why.code() == StatusCode::aborted) {
    if (turn.row_by_row) give_up_first_row(turn);
    row_by_row_ = turn.identity;
  }
  Refused* refused = find(turn.identity);
  if (why.code() != StatusCode::already_exists) {
    // The other is gone, and what it may have been holding is ours to deliver.
    if (refused != nullptr && why.ok())
      refused_.erase(refused_.begin() + (refused - refused_.data()));
    return;
  }
  if (refused == nullptr) refused = &refused_.emplace_back(Refused{turn.identity, now});
  refused->retry_ns = now + kRefusedRetryNs;
  if (!too_long(refused->since_ns, now)) return;
  const Status status =
      context_.source.give_up(turn.identity, 0, INT64_MAX, GiveUp::live_elsewhere);
  log::warn("sync", "another node delivers the rows of an epoch that we had in common",
            {{"node", turn.identity.node},
             {"epoch", turn.identity.epoch},
             {"result", status.to_string()}});
  if (status.ok()) refused_.erase(refused_.begin() + (refused - refused_.data()));
}

}  // namespace sluice
