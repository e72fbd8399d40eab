#include "pipeline/commit_builder.h"

#include <algorithm>

namespace sluice {
namespace {
constexpr std::size_t kPanesPerBlockMax = 4096;  // bounds the bytes of one outbox row
constexpr std::size_t kDeadLettersPerGroup = 16;
/// Counted as gone though nobody asked for it: not refused for what it is, not filtered.
bool is_loss(const LedgerKey& key) {
  return (key.kind == LedgerKind::messages && key.term == Term::dropped) ||
         (key.kind == LedgerKind::readings && key.term == Term::rejected);
}

/// The ledger of messages is kept by source and QoS, "source/qos0".
std::string gap_owner(const LedgerKey& key) {
  return key.kind == LedgerKind::messages ? key.owner.substr(0, key.owner.rfind('/')) : key.owner;
}
}  // namespace

CommitBuilder::CommitBuilder(const SeriesTable& series, const TopicTable& topics,
                             SummaryEncoder& encoder)
    : series_(series), topics_(topics), encoder_(encoder) {}

void CommitBuilder::touch(std::int64_t boottime_ns) {
  if (empty()) opened_boottime_ns_ = boottime_ns;
}

bool CommitBuilder::empty() const {
  return group_.segment.entries.empty() && messages_ == 0 && panes_.empty() &&
         group_.segment.ledger.empty() && group_.gaps.empty();
}

void CommitBuilder::add_entry(LogEntry entry, std::int64_t boottime_ns) {
  touch(boottime_ns);
  group_.segment.entries.push_back(std::move(entry));
}

void CommitBuilder::add_panes(const std::string& pipeline, std::uint64_t spec_hash,
                              std::vector<Pane> panes) {
  std::vector<Pane>& all = panes_[{pipeline, spec_hash}];
  std::move(panes.begin(), panes.end(), std::back_inserter(all));
}

void CommitBuilder::add_dead_letter(DeadLetter letter) {
  if (group_.dead_letters.size() < kDeadLettersPerGroup) {
    group_.dead_letters.push_back(std::move(letter));
  }
}

void CommitBuilder::add_gap(const Gap& gap, std::int64_t boottime_ns) {
  touch(boottime_ns);
  for (Gap& known : group_.gaps) {
    if (known.same_loss(gap)) return known.widen(gap);
  }
  group_.gaps.push_back(gap);
}

void CommitBuilder::name_losses(std::int64_t from_ns, std::int64_t to_ns,
                                std::int64_t boottime_ns) {
  Ledger fresh;
  for (const auto& [key, count] : ledger().counters()) {
    if (!is_loss(key)) continue;
    const auto named = named_.counters().find(key);
    const std::int64_t more = count - (named == named_.counters().end() ? 0 : named->second);
    if (more > 0) fresh.add(key.kind, key.owner, key.term, more, key.cause);
  }
  for (const auto& [key, count] : fresh.counters()) {
    add_gap(
        {key.kind, gap_owner(key), key.cause, from_ns, to_ns, static_cast<std::uint64_t>(count)},
        boottime_ns);
  }
  named_.add(fresh);
}

void CommitBuilder::add_message(const AckPosition& position, std::size_t bytes,
                                std::int64_t boottime_ns) {
  touch(boottime_ns);
  ++messages_;
  ++messages_by_source_[position.source];
  bytes_ += bytes;
  if (position.ticket > 0) tickets_[{position.source, position.connection}] = position.ticket;
}

std::size_t CommitBuilder::messages_of(std::uint32_t source) const {
  const auto it = messages_by_source_.find(source);
  return it == messages_by_source_.end() ? 0 : it->second;
}

void CommitBuilder::add_definitions() {
  for (; series_stored_ < series_.size(); ++series_stored_) {
    const auto id = static_cast<std::uint32_t>(series_stored_ + 1);
    group_.series.push_back({id, encode_series(series_.at(id))});
  }
  for (; topics_stored_ < topics_.size(); ++topics_stored_) {
    const auto id = static_cast<std::uint32_t>(topics_stored_ + 1);
    group_.topics.push_back({id, encode_topic(topics_.at(id))});
  }
}

void CommitBuilder::definitions_are_stored() {
  series_stored_ = series_.size();
  topics_stored_ = topics_.size();
}

void CommitBuilder::add_outbox() {
  for (auto& [key, panes] : panes_) {
    for (std::size_t from = 0; from < panes.size(); from += kPanesPerBlockMax) {
      const std::size_t to = std::min(panes.size(), from + kPanesPerBlockMax);
      SummaryBlock block{key.first, key.second, {}};
      block.panes.assign(panes.begin() + static_cast<std::ptrdiff_t>(from),
                         panes.begin() + static_cast<std::ptrdiff_t>(to));
      OutboxRow row;
      row.pipeline = block.pipeline;
      row.panes = static_cast<std::uint32_t>(block.panes.size());
      row.start_ns = block.panes.front().window.start_ns;
      row.end_ns = block.panes.front().window.end_ns;
      for (const Pane& pane : block.panes) {
        row.start_ns = std::min(row.start_ns, pane.window.start_ns);
        row.end_ns = std::max(row.end_ns, pane.window.end_ns);
      }
      row.bytes = encoder_.encode(block);
      group_.outbox.push_back(std::move(row));
    }
    const auto count = static_cast<std::int64_t>(panes.size());
    ledger().add(LedgerKind::panes, key.first, Term::closed, count);
    ledger().add(LedgerKind::panes, key.first, Term::outbox, count);
  }
  panes_.clear();
}

CommitGroup CommitBuilder::seal() {
  add_definitions();
  add_outbox();
  for (const auto& [connection, ticket] : tickets_) {
    group_.acks.push_back({connection.first, connection.second, ticket});
  }
  CommitGroup sealed = std::move(group_);
  group_ = {};
  tickets_.clear();
  messages_by_source_.clear();
  named_.clear();
  messages_ = 0;
  bytes_ = 0;
  return sealed;
}

}  // namespace sluice
