#include "store/store_file.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/log.h"
#include "store/database_file.h"
#include "store/options.h"

namespace sluice::storage {
namespace {

// A slice stays near 2 ms, so that a commit never waits long.
constexpr std::size_t kReadBytes_max = 1 << 20;

}  // namespace

StoreFile::StoreFile(const StoreOptions& options, const Clock& clock, Database database)
    : options_(options),
      database_(std::move(database)),
      epochs_(options_, database_),
      log_(database_),
      losses_(database_, log_, epochs_, clock),
      events_(database_, log_, epochs_, losses_, clock, options.quota_bytes),
      series_(database_, "series"),
      topics_(database_, "topic"),
      dead_letters_(database_, options.dead_letters_max) {}

Result<std::unique_ptr<StoreFile>> StoreFile::open(const StoreOptions& options,
                                                   const Clock& clock) {
  if (Status s = check(options); !s.ok()) return s;
  if (Status s = files_of(options).make_directory(options.dir); !s.ok()) return s;
  auto file = try_open(options, clock);
  if (file.ok() || file.status().code() != StatusCode::data_loss) return file;
  const std::string reason(file.status().message());
  auto kept = set_aside(files_of(options), database_path(options));
  if (!kept.ok()) return kept.status();
  log::error("store", "the database is damaged or not ours: set aside, a new one begins",
             {{"reason", reason}, {"kept_as", *kept}});
  file = try_open(options, clock);
  if (file.ok()) (*file)->rebuilt_ = true;
  return file;
}

Result<std::unique_ptr<StoreFile>> StoreFile::try_open(const StoreOptions& options,
                                                       const Clock& clock) {
  auto database = open_database(files_of(options), database_path(options), options.quota_bytes,
                                options.checkpoint_bytes_max);
  if (!database.ok()) return database.status();
  std::unique_ptr<StoreFile> file(new StoreFile(options, clock, *std::move(database)));
  if (Status s = file->load(); !s.ok()) return s;
  return file;
}

Status StoreFile::load() {
  if (Status s = database_.prepared(); !s.ok()) return s;
  if (Status s = losses_.load(); !s.ok()) return s;
  const auto tell_rebuilt = [this] {
    return losses_.add_unknown(LedgerKind::readings, "database_rebuilt");
  };
  if (Status s = epochs_.load(tell_rebuilt); !s.ok()) return s;
  auto series = series_.load();
  if (!series.ok()) return series.status();
  auto topics = topics_.load();
  if (!topics.ok()) return topics.status();
  if (Status s = log_.load(recovered_); !s.ok()) return s;
  if (Status s = losses_.report_damaged_segments(recovered_); !s.ok()) return s;
  if (Status s = events_.load(recovered_); !s.ok()) return s;
  recovered_.series = *std::move(series);
  recovered_.topics = *std::move(topics);
  recovered_.ledger = ledger();
  recovered_.next_seq = next_seq();
  return {};
}

Status StoreFile::commit(CommitGroup* group, std::span<const std::int64_t> acked,
                         std::int64_t acked_event_seq) {
  Change change{log_.begin(), {}, events_.size()};
  if (group != nullptr) change.log.delta = group->segment.ledger;
  Transaction transaction(database_);
  if (Status s = transaction.begin(); !s.ok()) return s;
  const auto delivered = log_.remove_rows(acked, change.log);
  if (!delivered.ok()) return delivered.status();
  CommitLog::count_out(*delivered, Term::acked, {}, change.log);
  const auto told = events_.acknowledge(acked_event_seq, change.log, change.events);
  if (!told.ok()) return told.status();
  if (group == nullptr && delivered->empty() && !*told) return {};
  const std::int64_t acked_seq = std::max(log_.acked_seq(), change.log.removed_seq);
  if (acked_seq > log_.acked_seq()) {
    if (Status s = log_.write_acked(acked_seq); !s.ok()) return s;
  }
  if (group != nullptr) {
    if (Status s = write_group(*group, change); !s.ok()) return s;
  }
  const auto entries = group != nullptr ? std::span<const LogEntry>(group->segment.entries)
                                        : std::span<const LogEntry>();
  if (Status s = log_.append(entries, change.log); !s.ok()) return s;
  if (group != nullptr && group->checkpoint) {
    if (Status s = log_.write_checkpoint(*group->checkpoint, change.log); !s.ok()) return s;
  }
  if (Status s = transaction.commit(); !s.ok()) return s;
  log_.adopt(std::move(change.log));
  log_.adopt_acked(acked_seq);
  events_.adopt(change.events);
  if (change.epochs) epochs_.adopt(*std::move(change.epochs));
  return {};
}

Status StoreFile::write_group(CommitGroup& group, Change& change) {
  for (const Definition& definition : group.series) {
    if (Status s = series_.insert(definition); !s.ok()) return s;
  }
  for (const Definition& definition : group.topics) {
    if (Status s = topics_.insert(definition); !s.ok()) return s;
  }
  if (group.epoch_end) {
    if (Status s = end_epoch(group, change); !s.ok()) return s;
  }
  for (OutboxRow& row : group.outbox) {
    if (group.epoch_end && row.of_ended_epoch) continue;  // written by end_epoch
    if (Status s = log_.add_row(row, change.log); !s.ok()) return s;
  }
  for (const Gap& gap : group.gaps) {
    if (Status s = losses_.add(gap); !s.ok()) return s;
  }
  if (Status s = events_.add(group.events, change.log, change.events); !s.ok()) return s;
  return group.dead_letters.empty() ? Status() : dead_letters_.insert(group.dead_letters);
}

Status StoreFile::end_epoch(CommitGroup& group, Change& change) {
  SLUICE_ASSERT(group.checkpoint);
  std::vector<OutboxRow> parted;
  const std::int64_t moves_from =
      group.epoch_end->takes_rows_along
          ? std::max(log_.start_seq(), epochs_.ranges().back().first_seq)
          : next_seq();
  auto splits = log_.outbox().read_splits(moves_from);
  if (!splits.ok()) return splits.status();
  for (OutboxRow& row : *splits) {
    if (Status s = log_.part_row(row, parted, change.log); !s.ok()) return s;
  }
  const auto of_group = std::count_if(group.outbox.begin(), group.outbox.end(),
                                      [](const OutboxRow& row) { return row.of_ended_epoch; });
  auto lowest = log_.outbox().lowest_seq();
  if (!lowest.ok()) return lowest.status();
  Epochs::Next next =
      epochs_.after({.moves_from = moves_from,
                     .next_seq = next_seq(),
                     .above_seq = group.epoch_end->cloud_highest_seq,
                     .lowest_seq = *lowest,
                     .ended_rows = static_cast<std::int64_t>(parted.size()) + of_group});
  change.log.next_seq = next.next_seq;
  for (OutboxRow& row : parted) {
    if (Status s = log_.add_row(row, change.log); !s.ok()) return s;
  }
  for (OutboxRow& row : group.outbox) {
    if (!row.of_ended_epoch) continue;
    if (Status s = log_.add_row(row, change.log); !s.ok()) return s;
  }
  if (Status s = epochs_.store(next.ranges); !s.ok()) return s;
  change.epochs = std::move(next.ranges);
  return {};
}

Result<std::vector<OutboxRow>> StoreFile::read_outbox(std::int64_t after_seq,
                                                      std::size_t bytes_max) {
  auto page = log_.outbox().read(after_seq, std::min(bytes_max, kReadBytes_max));
  if (!page.ok()) return page.status();
  if (!page->damaged.empty()) {
    const Status status = losses_.quarantine(page->damaged);
    log::error("store", "damaged rows of the outbox are given up",
               {{"rows", page->damaged.size()}, {"result", status.to_string()}});
    if (status.code() == StatusCode::data_loss) mark_suspect();
  }
  std::vector<OutboxRow> rows;
  for (OutboxRow& row : page->rows) {
    row.identity = epochs_.of(row.seq);
    if (!rows.empty() && !(row.identity == rows.front().identity)) break;
    rows.push_back(std::move(row));
  }
  return rows;
}

Status StoreFile::trim_to_share() {
  return log_.trim_to(options_.raw_share * static_cast<double>(options_.quota_bytes));
}

Status StoreFile::fill_stats(StoreStats& stats) {
  auto pages = database_.integer("PRAGMA page_count");
  if (!pages.ok()) return pages.status();
  auto free = database_.integer("PRAGMA freelist_count");
  if (!free.ok()) return free.status();
  stats.bytes = static_cast<std::uint64_t>((*pages - *free) * kPageBytes);
  const PageBudget budget = page_budget(options_.quota_bytes, options_.checkpoint_bytes_max);
  stats.bytes_max = static_cast<std::uint64_t>(budget.database_pages * kPageBytes);
  stats.outbox_rows = static_cast<std::uint64_t>(outbox_rows());
  stats.outbox_panes = static_cast<std::uint64_t>(ledger().sum(LedgerKind::panes, Term::outbox));
  stats.events_waiting = static_cast<std::uint64_t>(events_.size().rows);
  stats.raw_bytes = static_cast<std::uint64_t>(raw_bytes());
  return {};
}

void StoreFile::mark_suspect() const {
  storage::mark_suspect(files_of(options_), database_path(options_));
}

}  // namespace sluice::storage
