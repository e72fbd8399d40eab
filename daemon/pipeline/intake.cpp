#include "pipeline/intake.h"

#include <algorithm>

#include "base/log.h"

namespace sluice {
namespace {
std::string owner_of(const SourceSpec& source, std::uint8_t qos) {
  return source.name + "/qos" + std::to_string(qos);
}
// Of the checkpoint part, after a zero byte. Parts of format 1 began with the number of the
// session, and hold nothing of use here.
constexpr std::uint8_t kFormat = 2;
constexpr const char* kBrokerLoss = "suspected_broker_loss";

std::string part_name(const SourceSpec& source) { return "source/" + source.name; }
}  // namespace

Intake::Intake(std::vector<SourceSpec> sources, Decoder& decoder, CommitBuilder& builder)
    : sources_(std::move(sources)), decoder_(decoder), builder_(builder) {
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
  const std::size_t before = open_.readings.size();
  const DecodeResult result = decoder_.decode(message, open_.readings);
  if (!result.ok) {
    reject(message, result.reason, result.detail);
    return;
  }
  ledger.add(LedgerKind::messages, owner, Term::decoded, 1);
  ledger.add(LedgerKind::source_readings, source.name, Term::decoded,
             static_cast<std::int64_t>(open_.readings.size() - before));
}

void Intake::reject(const IngestEvent& message, std::string reason, std::string detail) {
  const SourceSpec& source = sources_[message.position.source];
  builder_.ledger().add(LedgerKind::messages, owner_of(source, message.qos), Term::rejected, 1,
                        reason);
  DeadLetter letter;
  letter.source = source.name;
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
    report_broker_loss(event, state.last_wall_ns, 0, "session_lost");
  }
  const ConnectedEntry entry{event.position.source, event.session_present, event.boottime_ns,
                             event.wall_ns};
  replay(entry);
  builder_.add_entry(entry, event.boottime_ns);
}

void Intake::broker_dropped(const IngestEvent& event) {
  log::warn("ingest", "the broker dropped messages; some may have been for us",
            {{"source", sources_[event.position.source].name}, {"count", event.dropped}});
  report_broker_loss(event, event.since_wall_ns, event.dropped, "dropped_counter");
}

/// Never more than suspected: the broker does not say whose messages are gone.
void Intake::report_broker_loss(const IngestEvent& event, std::int64_t from_ns, std::uint64_t count,
                                std::string_view cause) {
  const SourceSpec& source = sources_[event.position.source];
  builder_.ledger().add(LedgerKind::messages, owner_of(source, 1), Term::broker_loss,
                        count == 0 ? 1 : static_cast<std::int64_t>(count), cause);
  Gap gap;
  gap.kind = LedgerKind::messages;
  gap.owner = source.name;
  gap.cause = kBrokerLoss;
  // The wall clock may have been set back meanwhile.
  gap.from_ns = std::min(from_ns, event.wall_ns);
  gap.to_ns = event.wall_ns;
  gap.count = count;
  builder_.add_gap(gap, event.boottime_ns);
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

void Intake::snapshot(std::vector<CheckpointPart>& parts) const {
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    const State& state = states_[i];
    ByteWriter out;
    out.u8(0);
    out.u8(kFormat);
    state.redelivery.snapshot(out);
    out.u64(state.subscribed.size());
    for (const TopicFilter& filter : state.subscribed) {
      out.string(filter.filter);
      out.u8(filter.qos);
    }
    out.i64(state.last_wall_ns);
    parts.push_back({part_name(sources_[i]), out.take()});
  }
}

Status Intake::restore(const std::vector<CheckpointPart>& parts) {
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    const auto part = std::find_if(parts.begin(), parts.end(), [&](const CheckpointPart& p) {
      return p.name == part_name(sources_[i]);
    });
    if (part == parts.end()) continue;
    ByteReader in(part->bytes);
    if (in.u8() != 0 || in.u8() != kFormat) continue;
    State& state = states_[i];
    if (Status s = state.redelivery.restore(in); !s.ok()) return s;
    state.subscribed.clear();
    for (std::size_t n = in.count(); n > 0 && in.ok(); --n) {
      std::string filter(in.string());
      state.subscribed.push_back({std::move(filter), in.u8()});
    }
    state.last_wall_ns = in.i64();
    if (!in.at_end()) return data_loss("malformed source state in a checkpoint");
  }
  return {};
}

void Intake::adopt(std::vector<SourceSpec> sources) {
  std::vector<State> next;
  for (const SourceSpec& source : sources) {
    next.push_back({Redelivery(source.arrival_stamped), {}, 0});
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      if (sources_[i].name != source.name) continue;
      next.back().redelivery.inherit(states_[i].redelivery);
      next.back().subscribed = states_[i].subscribed;
      next.back().last_wall_ns = states_[i].last_wall_ns;
    }
  }
  sources_ = std::move(sources);
  states_ = std::move(next);
}

}  // namespace sluice
