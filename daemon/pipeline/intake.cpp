#include "pipeline/intake.h"

#include <algorithm>

#include "base/log.h"

namespace sluice {
namespace {
std::string owner_of(const SourceSpec& source, std::uint8_t qos) {
  return source.name + "/qos" + std::to_string(qos);
}
// Of the checkpoint part, after a zero byte. Parts of format 1 began with the number of the
// session, and hold nothing of use here. Format 2 had no session aside and no drop counter.
constexpr std::uint8_t kFormat = 3;
constexpr std::uint8_t kFormatNoDropCounter = 2;
constexpr const char* kBrokerLoss = "suspected_broker_loss";
/// A cause of the durable ledger: never to change.
constexpr const char* kFuture = "future";
/// The decoder's cause for a series or a topic beyond the bound.
constexpr const char* kSeriesCap = "series_cap";

std::string part_name(const SourceSpec& source) { return "source/" + source.name; }

std::string seconds_text(std::int64_t ns) { return std::to_string(ns / 1'000'000'000) + " s"; }

Moment moment_of(const IngestEvent& event) { return {event.boottime_ns, event.wall_ns}; }
}  // namespace

Intake::Intake(std::vector<SourceSpec> sources, Decoder& decoder, CommitBuilder& builder,
               const TimeLine* time_line)
    : sources_(std::move(sources)), decoder_(decoder), builder_(builder), time_line_(time_line) {
  for (const SourceSpec& source : sources_) {
    states_.push_back({Redelivery(source.arrival_stamped), {}, 0});
  }
}

void Intake::take(const IngestEvent& message) {
  const SourceSpec& source = sources_[message.position.source];
  const std::string owner = owner_of(source, message.qos);
  Ledger& ledger = builder_.ledger();
  builder_.add_message(message.position, message.topic.size() + message.payload.size(),
                       message.boottime_ns);
  ledger.add(LedgerKind::messages, owner, Term::received, 1);
  open_.boottime_ns = message.boottime_ns;
  open_.wall_ns = message.wall_ns;
  State& state = states_[message.position.source];
  state.last_wall_ns = message.wall_ns;
  if (message.qos > 0) {
    open_.fingerprints.push_back(Redelivery::fingerprint(message));
    switch (state.redelivery.take(open_.fingerprints.back())) {
      case Redelivery::Answer::duplicate:
        ledger.add(LedgerKind::messages, owner, Term::duplicate, 1);
        return;
      case Redelivery::Answer::doubt:
        ledger.add(LedgerKind::messages, owner, Term::redelivery_doubt, 1);
        break;
      case Redelivery::Answer::fresh: break;
    }
  }
  if (message.retain && !source.accept_retained) {
    reject(message, "retained", "a retained message; `retained: accept` would take it");
    return;
  }
  if (message.retained_again) {
    reject(message, "retained", "a retained message, again: its topic was subscribed before");
    return;
  }
  const std::size_t before = open_.readings.size();
  const DecodeResult result = decoder_.decode(message, open_.readings);
  if (!result.ok) {
    if (result.reason == kSeriesCap) refused_.add(source.name, message.topic, result.refused);
    reject(message, result.reason, result.detail);
    return;
  }
  ledger.add(LedgerKind::messages, owner, Term::decoded, 1);
  ledger.add(LedgerKind::source_readings, source.name, Term::decoded,
             static_cast<std::int64_t>(open_.readings.size() - before));
  if (!source.arrival_stamped) {
    set_aside_future(message, before);
  } else if (time_line_ != nullptr) {
    time_line_->stamp(message.boottime_ns, open_.readings, before);
  }
}

/// A device stamped in 2050 would close every window up to there. Our clock may be wrong by its
/// error: in doubt the reading counts.
void Intake::set_aside_future(const IngestEvent& message, std::size_t first_row) {
  if (!time_.trusted()) return;
  const SourceSpec& source = sources_[message.position.source];
  const std::int64_t now_ns = time_.wall_at(message.boottime_ns);
  std::int64_t last_ns = 0;
  if (__builtin_add_overflow(now_ns, source.max_future_ns, &last_ns) ||
      __builtin_add_overflow(last_ns, time_.error_ns, &last_ns)) {
    return;
  }
  const std::vector<std::int64_t>& times_ns = open_.readings.event_time_ns;
  const auto begin = times_ns.begin() + static_cast<std::ptrdiff_t>(first_row);
  if (begin == times_ns.end()) return;
  const std::int64_t furthest_ns = *std::max_element(begin, times_ns.end());
  if (furthest_ns <= last_ns) return;
  const std::size_t decoded = open_.readings.size();
  open_.readings.erase_if(first_row,
                          [&](const Reading& reading) { return reading.event_time_ns > last_ns; });
  const std::size_t count = decoded - open_.readings.size();
  builder_.ledger().add(LedgerKind::source_readings, source.name, Term::rejected,
                        static_cast<std::int64_t>(count), kFuture);
  add_dead_letter(message, kFuture,
                  std::to_string(count) + " of " + std::to_string(decoded - first_row) +
                      " readings are stamped up to " + seconds_text(furthest_ns - now_ns) +
                      " ahead of their arrival; decode.max_future is " +
                      seconds_text(source.max_future_ns) + ", is the device's clock right?");
}

void Intake::reject(const IngestEvent& message, std::string reason, std::string detail) {
  const SourceSpec& source = sources_[message.position.source];
  builder_.ledger().add(LedgerKind::messages, owner_of(source, message.qos), Term::rejected, 1,
                        reason);
  add_dead_letter(message, std::move(reason), std::move(detail));
}

void Intake::add_dead_letter(const IngestEvent& message, std::string reason, std::string detail) {
  DeadLetter letter;
  letter.source = sources_[message.position.source].name;
  letter.topic = message.topic;
  letter.reason = std::move(reason);
  letter.detail = std::move(detail);
  letter.payload_head = message.payload.substr(0, kDeadLetterBytes);
  letter.payload_bytes = message.payload.size();
  letter.wall_ns = message.wall_ns;
  builder_.add_dead_letter(std::move(letter));
}

void Intake::take_event(const IngestEvent& event) {
  SLUICE_ASSERT(!has_batch());
  switch (event.kind) {
    case IngestEvent::Kind::message: return take(event);
    case IngestEvent::Kind::connected: return connected(event);
    case IngestEvent::Kind::broker_dropped: return broker_dropped(event);
    case IngestEvent::Kind::disconnected:
      return builder_.add_entry(DisconnectedEntry{event.position.source, event.boottime_ns},
                                event.boottime_ns);
    case IngestEvent::Kind::subscribed: break;
  }
  SubscribedEntry entry{event.position.source, event.filters, event.boottime_ns};
  replay(entry);
  builder_.add_entry(std::move(entry), event.boottime_ns);
  builder_.add_urgent_ticket(event.position);
}

void Intake::connected(const IngestEvent& event) {
  const State& state = states_[event.position.source];
  if (!event.session_present && state.redelivery.session_known()) {
    log::warn("ingest", "the broker lost our session; messages it held for us may be gone",
              {{"source", sources_[event.position.source].name}});
    report_broker_loss(sources_[event.position.source], state.last_wall_ns, moment_of(event), 0,
                       "session_lost");
  } else if (event.session_present && !state.redelivery.session_known()) {
    log::warn("ingest",
              "the broker has a session of ours that we know nothing of: what it sends again "
              "counts, as redelivery_doubt",
              {{"source", sources_[event.position.source].name}});
  }
  const ConnectedEntry entry{event.position.source, event.session_present, event.boottime_ns,
                             event.wall_ns};
  replay(entry);
  builder_.add_entry(entry, event.boottime_ns);
}

/// The first value of a session tells what came before it. A lower one than before is that of a
/// broker that has started since: all of it is new.
void Intake::broker_dropped(const IngestEvent& event) {
  const SourceSpec& source = sources_[event.position.source];
  const State& state = states_[event.position.source];
  const std::uint64_t before = state.broker_drops.value_or(event.dropped);
  const bool restarted = event.dropped < before;
  const std::uint64_t count = restarted ? event.dropped : event.dropped - before;
  if (count > 0) {
    log::warn("ingest", "the broker dropped messages; some may have been for us",
              {{"source", source.name}, {"count", count}});
    report_broker_loss(source, state.broker_drops_wall_ns, moment_of(event), count,
                       restarted ? "dropped_counter_restarted" : "dropped_counter");
  }
  const BrokerDropsEntry entry{event.position.source, event.dropped, event.boottime_ns,
                               event.wall_ns};
  replay(entry);
  builder_.add_entry(entry, event.boottime_ns);
}

/// Never more than suspected: the broker does not say whose messages are gone.
void Intake::report_broker_loss(const SourceSpec& source, std::int64_t from_ns, const Moment& now,
                                std::uint64_t count, std::string_view cause) {
  builder_.ledger().add(LedgerKind::messages, owner_of(source, 1), Term::broker_loss,
                        count == 0 ? 1 : static_cast<std::int64_t>(count), cause);
  Gap gap;
  gap.kind = LedgerKind::messages;
  gap.owner = source.name;
  gap.cause = kBrokerLoss;
  // The wall clock may have been set back meanwhile.
  gap.from_ns = std::min(from_ns, now.wall_ns);
  gap.to_ns = now.wall_ns;
  gap.count = count;
  builder_.add_gap(gap, now.boottime_ns);
}

void Intake::dropped(std::uint32_t source, std::uint64_t count) {
  const std::string owner = owner_of(sources_[source], 0);
  const auto n = static_cast<std::int64_t>(count);
  builder_.ledger().add(LedgerKind::messages, owner, Term::received, n);
  builder_.ledger().add(LedgerKind::messages, owner, Term::dropped, n, "queue_full");
}

BatchEntry Intake::flush() {
  BatchEntry batch = std::move(open_);
  open_ = {};
  return batch;
}

bool Intake::window_full() const {
  for (std::uint32_t i = 0; i < sources_.size(); ++i) {
    if (builder_.messages_of(i) >= sources_[i].inflight_window) return true;
  }
  return false;
}

void Intake::replay(const ConnectedEntry& entry) {
  if (entry.source >= states_.size()) return;
  State& state = states_[entry.source];
  state.redelivery.connected(entry.session_present);
  if (entry.session_present) return;
  state.subscribed.clear();
  state.last_wall_ns = entry.wall_ns;
  state.broker_drops.reset();
}

void Intake::replay(const SubscribedEntry& entry) {
  if (entry.source < states_.size()) states_[entry.source].subscribed = entry.filters;
}

void Intake::replay(const BatchEntry& entry) {
  for (const Fingerprint& fingerprint : entry.fingerprints) {
    if (fingerprint.source >= states_.size()) continue;
    State& state = states_[fingerprint.source];
    state.redelivery.take(fingerprint);
    state.last_wall_ns = entry.wall_ns;
  }
}

void Intake::replay(const BrokerDropsEntry& entry) {
  if (entry.source >= states_.size()) return;
  states_[entry.source].broker_drops = entry.dropped;
  states_[entry.source].broker_drops_wall_ns = entry.wall_ns;
}

void Intake::State::snapshot(ByteWriter& out) const {
  out.u8(0);
  out.u8(kFormat);
  redelivery.snapshot(out);
  out.u64(subscribed.size());
  for (const TopicFilter& filter : subscribed) {
    out.string(filter.filter);
    out.u8(filter.qos);
  }
  out.i64(last_wall_ns);
  out.u8(broker_drops ? 1 : 0);
  out.u64(broker_drops.value_or(0));
  out.i64(broker_drops_wall_ns);
}

Status Intake::State::restore(std::string_view bytes) {
  ByteReader in(bytes);
  if (in.u8() != 0) return {};
  const std::uint8_t format = in.u8();
  if (format != kFormat && format != kFormatNoDropCounter) return {};
  if (Status s = redelivery.restore(in); !s.ok()) return s;
  subscribed.clear();
  for (std::size_t n = in.count(); n > 0 && in.ok(); --n) {
    std::string filter(in.string());
    subscribed.push_back({std::move(filter), in.u8()});
  }
  last_wall_ns = in.i64();
  if (format == kFormat) {
    const std::uint8_t seen = in.u8();
    const std::uint64_t value = in.u64();
    if (seen != 0) broker_drops = value;
    broker_drops_wall_ns = in.i64();
  }
  return in.at_end() ? Status() : data_loss("malformed source state in a checkpoint");
}

void Intake::snapshot(std::vector<CheckpointPart>& parts) const {
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    ByteWriter out;
    states_[i].snapshot(out);
    parts.push_back({part_name(sources_[i]), out.take()});
  }
  left_.snapshot(parts);
}

/// By name: these are the sources of the config that the checkpoint was made with.
Status Intake::restore(const std::vector<CheckpointPart>& parts) {
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    const auto part = std::find_if(parts.begin(), parts.end(), [&](const CheckpointPart& p) {
      return p.name == part_name(sources_[i]);
    });
    if (part == parts.end()) continue;
    if (Status s = states_[i].restore(part->bytes); !s.ok()) return s;
  }
  return left_.restore(parts);
}

void Intake::adopt(std::vector<SourceSpec> sources, const Moment& now) {
  std::vector<State> next;
  for (const SourceSpec& source : sources) next.push_back({Redelivery(source.arrival_stamped)});
  std::vector<bool> settled(sources.size());
  std::vector<bool> goes_on(sources_.size());
  const auto take_over = [&](auto same) {
    for (std::size_t i = 0; i < sources.size(); ++i) {
      for (std::size_t j = 0; j < sources_.size(); ++j) {
        if (settled[i] || goes_on[j] || !same(sources[i], sources_[j])) continue;
        ByteWriter bytes;
        states_[j].snapshot(bytes);
        const Status status = next[i].restore(bytes.bytes());
        SLUICE_ASSERT(status.ok());
        settled[i] = goes_on[j] = true;
      }
    }
  };
  take_over([](const auto& a, const auto& b) { return a.session.same_as(b.session); });
  for (std::size_t i = 0; i < sources.size(); ++i) {
    if (settled[i]) continue;
    const auto left = left_.take(sources[i].session);
    if (!left) continue;
    settled[i] = true;
    if (const Status s = next[i].restore(*left); !s.ok()) {
      log::error("ingest", "what was known of a session cannot be read",
                 {{"source", sources[i].name}, {"error", s.to_string()}});
      next[i] = {Redelivery(sources[i].arrival_stamped)};
    }
  }
  // The broker may have moved: it will say whether it has our session.
  take_over([](const auto& a, const auto& b) {
    return a.name == b.name && a.session.client_id == b.session.client_id;
  });
  for (std::size_t j = 0; j < sources_.size(); ++j) {
    if (!goes_on[j]) leave(sources_[j], states_[j], now);
  }
  sources_ = std::move(sources);
  states_ = std::move(next);
}

void Intake::leave(const SourceSpec& source, const State& state, const Moment& now) {
  if (!state.redelivery.session_known()) return;
  log::warn("ingest", "no source reads this session any more; what the broker holds for it stays",
            {{"source", source.name},
             {"client_id", source.session.client_id},
             {"broker", source.session.broker}});
  report_broker_loss(source, state.last_wall_ns, now, 0, "session_left");
  ByteWriter bytes;
  state.snapshot(bytes);
  left_.add(source.session, bytes.take());
}

}  // namespace sluice
