#include "pipeline/commit_builder.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "aggregate/window_extras.h"
#include "base/bytes.h"
#include "base/hash.h"

namespace sluice {
namespace {
// Both bound the bytes of one outbox row: a message of the uplink must hold it.
constexpr std::size_t kPanesPerBlockMax = 4096;
constexpr std::size_t kExtrasPerBlockBytes = 512 << 10;
constexpr std::size_t kDeadLettersPerGroup = 16;
/// No room for a new series: of a message, and of what a stage makes of a reading.
constexpr std::string_view kSeriesCap = "series_cap";
constexpr std::string_view kStageSeriesCap = "/series_cap";

/// Counted as gone though nobody asked for it: not refused for what it is, not filtered.
bool is_loss(const LedgerKey& key) {
  switch (key.kind) {
    case LedgerKind::messages:
      return key.term == Term::dropped || (key.term == Term::rejected && key.cause == kSeriesCap);
    case LedgerKind::source_readings: return key.term == Term::rejected;
    case LedgerKind::readings:
      return key.term == Term::rejected || key.term == Term::late ||
             (key.term == Term::filtered && key.cause.ends_with(kStageSeriesCap));
    case LedgerKind::events: return key.term == Term::expired;
    default: return false;
  }
}

/// `late` is a term of its own, without causes.
std::string gap_cause(const LedgerKey& key) {
  return key.term == Term::late ? std::string(term_name(key.term)) : key.cause;
}

/// The ledger of messages is kept by source and QoS, "source/qos0".
std::string gap_owner(const LedgerKey& key) {
  return key.kind == LedgerKind::messages ? key.owner.substr(0, key.owner.rfind('/')) : key.owner;
}

/// Boot time begins anew with each boot, and so with each stretch of it: panes of two are never
/// taken for one window.
std::uint64_t spec_hash_in(std::uint64_t spec_hash,
                           const std::shared_ptr<const BootStretch>& boot) {
  if (!boot) return spec_hash;
  ByteWriter key;
  key.fixed64(spec_hash);
  key.string(boot->boot_id);
  key.i64(boot->since_ns);
  return hash64(key.bytes());
}

/// What the window held when the process started: stays with the epoch of that time.
Pane before_part(const Pane& pane) {
  Pane part = pane;
  part.quality = PaneQuality::partial_epoch;
  part.content = pane.split->before;
  part.split.reset();
  return part;
}

/// What came since; all of it when nothing was there before.
Pane since_part(const Pane& pane) {
  Pane part = pane;
  if (pane.split) part.content = pane.split->since;
  part.split.reset();
  return part;
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
         ended_panes_.empty() && group_.segment.ledger.empty() && group_.gaps.empty() &&
         group_.outbox.empty() && !group_.epoch_end;
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

void CommitBuilder::add_correction(const TimeCorrection& correction, std::int64_t boottime_ns) {
  touch(boottime_ns);
  OutboxRow row;
  row.bytes = encoder_.encode(correction);
  group_.outbox.push_back(std::move(row));
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
    add_gap({key.kind, gap_owner(key), gap_cause(key), from_ns, to_ns,
             static_cast<std::uint64_t>(count)},
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

void CommitBuilder::add_urgent_ticket(const AckPosition& position) {
  if (position.ticket == 0) return;
  tickets_[{position.source, position.connection}] = position.ticket;
  urgent_ = true;
}

std::size_t CommitBuilder::messages_of(std::uint32_t source) const {
  const auto it = messages_by_source_.find(source);
  return it == messages_by_source_.end() ? 0 : it->second;
}

void CommitBuilder::add_definitions() {
  for (; series_stored_ < series_.size(); ++series_stored_) {
    const auto id = static_cast<std::uint32_t>(series_stored_ + 1);
    group_.series.push_back({id, std::string(series_.encoded(id))});
  }
  for (; topics_stored_ < topics_.size(); ++topics_stored_) {
    const auto id = static_cast<std::uint32_t>(topics_stored_ + 1);
    group_.topics.push_back({id, std::string(topics_.encoded(id))});
  }
}

void CommitBuilder::definitions_are_stored() {
  series_stored_ = series_.size();
  topics_stored_ = topics_.size();
}

void CommitBuilder::end_epoch(const EpochEnd& end, std::int64_t boottime_ns) {
  touch(boottime_ns);
  group_.epoch_end = end;
  for (auto& [key, panes] : std::exchange(panes_, {})) {
    for (Pane& pane : panes) add_at_end(key, std::move(pane));
  }
}

/// What a window held at the start stays with the epoch that ends. What it took since goes along,
/// if rows do, and so does all that closed in between; but a window that the end itself has closed
/// holds nothing else than what stays.
void CommitBuilder::add_at_end(const PaneOwner& key, Pane pane) {
  if (!group_.epoch_end->takes_rows_along || pane.quality == PaneQuality::partial_epoch) {
    ended_panes_[key].push_back(std::move(pane));
    return;
  }
  if (pane.split) ended_panes_[key].push_back(before_part(pane));
  if (!pane.split || pane.split->since.moments.count > 0) panes_[key].push_back(since_part(pane));
}

void CommitBuilder::add_ended_panes(const std::string& pipeline, std::uint64_t spec_hash,
                                    std::vector<Pane> panes) {
  for (Pane& pane : panes) add_at_end({pipeline, spec_hash}, std::move(pane));
}

OutboxRow CommitBuilder::make_row(const SummaryBlock& block) {
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
  if (!block.panes.front().split) return row;
  SummaryBlock before{block.pipeline, block.spec_hash, {}, block.boot_id};
  SummaryBlock since = before;
  for (const Pane& pane : block.panes) {
    before.panes.push_back(before_part(pane));
    if (pane.split->since.moments.count > 0) since.panes.push_back(since_part(pane));
  }
  row.split = RowSplit{
      row.panes, encoder_.encode(before), static_cast<std::uint32_t>(since.panes.size()), {}};
  if (!since.panes.empty()) row.split->since = encoder_.encode(since);
  return row;
}

void CommitBuilder::add_rows(const PanesByPipeline& all, bool of_ended_epoch) {
  for (const auto& [key, panes] : all) {
    // A block has windows of one kind that keep the same, all in event time or all of one stretch
    // of boot time. Panes with a split are few and of the first moments after a start: they get
    // rows of their own.
    struct Open {
      SummaryBlock block;
      std::size_t extras_bytes = 0;
    };
    std::map<std::tuple<bool, WindowKind, std::uint64_t, std::uint64_t>, Open> blocks;
    const auto flush = [&, of_ended_epoch](Open& open) {
      if (open.block.panes.empty()) return;
      group_.outbox.push_back(make_row(open.block));
      group_.outbox.back().of_ended_epoch = of_ended_epoch;
      open.block.panes.clear();
      open.extras_bytes = 0;
    };
    for (const Pane& pane : panes) {
      const std::uint64_t spec_hash = spec_hash_in(key.second, pane.boot);
      const auto [at, fresh] =
          blocks.try_emplace({pane.split != nullptr, pane.window.kind, pane.kept, spec_hash},
                             Open{{key.first, spec_hash, {}, {}}});
      Open& open = at->second;
      if (fresh && pane.boot) open.block.boot_id = pane.boot->boot_id;
      open.block.panes.push_back(pane);
      // In memory; no less than on the wire, for what plugins keep is sealed.
      if (pane.content.extras) open.extras_bytes += pane.content.extras->state_bytes();
      const bool full =
          open.block.panes.size() == kPanesPerBlockMax || open.extras_bytes >= kExtrasPerBlockBytes;
      if (full) flush(open);
    }
    for (auto& [what, open] : blocks) flush(open);
    const auto count = static_cast<std::int64_t>(panes.size());
    ledger().add(LedgerKind::panes, key.first, Term::closed, count);
    ledger().add(LedgerKind::panes, key.first, Term::outbox, count);
  }
}

void CommitBuilder::add_outbox() {
  for (auto& [key, panes] : ended_panes_) {
    for (Pane& pane : panes) pane.split.reset();
  }
  add_rows(ended_panes_, true);
  add_rows(panes_, false);
  ended_panes_.clear();
  panes_.clear();
}

CommitGroup CommitBuilder::seal() {
  add_definitions();
  add_outbox();
  for (const auto& [connection, ticket] : tickets_) {
    group_.acks.push_back({connection.first, connection.second, ticket});
  }
  group_.events = events_.take();
  CommitGroup sealed = std::move(group_);
  group_ = {};
  tickets_.clear();
  messages_by_source_.clear();
  named_.clear();
  messages_ = 0;
  bytes_ = 0;
  urgent_ = false;
  return sealed;
}

}  // namespace sluice
