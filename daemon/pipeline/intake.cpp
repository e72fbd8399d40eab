#include "pipeline/intake.h"

#include <algorithm>

#include "base/log.h"

namespace sluice {
namespace {
std::string owner_of(const SourceSpec& source, std::uint8_t qos) {
  return source.name + "/qos" + std::to_string(qos);
}
std::string part_name(const SourceSpec& source) { return "source/" + source.name; }
}  // namespace

Intake::Intake(std::vector<SourceSpec> sources, Decoder& decoder, CommitBuilder& builder)
    : sources_(std::move(sources)), decoder_(decoder), builder_(builder) {
  for (const SourceSpec& source : sources_)
    redelivery_.emplace_back(source.inflight_window, source.arrival_stamped);
}

void Intake::take(const IngestEvent& message) {
  const SourceSpec& source = sources_[message.position.source];
  const std::string owner = owner_of(source, message.qos);
  Ledger& ledger = builder_.ledger();
  builder_.add_message(message.position, message.topic.size() + message.payload.size(),
                       message.boottime_ns);
  ledger.add(LedgerKind::messages, owner, Term::received, 1);
  open_.boottime_ns = message.boottime_ns;
  if (message.qos > 0) {
    open_.fingerprints.push_back(Redelivery::fingerprint(message));
    switch (redelivery_[message.position.source].take(open_.fingerprints.back())) {
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

void Intake::connected(const IngestEvent& event) {
  SLUICE_ASSERT(!has_batch());
  Redelivery& redelivery = redelivery_[event.position.source];
  if (!event.session_present && redelivery.session_known()) {
    log::warn("ingest", "the broker lost our session; messages it held for us may be gone",
              {{"source", sources_[event.position.source].name}});
  }
  redelivery.connected(event.session_present);
  builder_.add_entry(
      ConnectedEntry{event.position.source, event.session_present, event.boottime_ns},
      event.boottime_ns);
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
  if (entry.source < redelivery_.size()) {
    redelivery_[entry.source].connected(entry.session_present);
  }
}

void Intake::replay(const BatchEntry& entry) {
  for (const Fingerprint& fingerprint : entry.fingerprints) {
    if (fingerprint.source < redelivery_.size()) {
      redelivery_[fingerprint.source].take(fingerprint);
    }
  }
}

void Intake::snapshot(std::vector<CheckpointPart>& parts) const {
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    ByteWriter out;
    redelivery_[i].snapshot(out);
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
    if (Status s = redelivery_[i].restore(in); !s.ok()) return s;
  }
  return {};
}

void Intake::adopt(std::vector<SourceSpec> sources) {
  std::vector<Redelivery> next;
  for (const SourceSpec& source : sources) {
    next.emplace_back(source.inflight_window, source.arrival_stamped);
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      if (sources_[i].name == source.name) next.back().inherit(redelivery_[i]);
    }
  }
  sources_ = std::move(sources);
  redelivery_ = std::move(next);
}

}  // namespace sluice
