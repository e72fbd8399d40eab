#include "store/store_file.h"

#include <sys/random.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <utility>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/log.h"
#include "store/database_file.h"
#include "store/segment_codec.h"

namespace sluice::storage {
namespace {

constexpr std::string_view kEpochKey = "epoch";
constexpr std::string_view kMachineKey = "machine_id";
constexpr std::string_view kFileKey = "file";
constexpr std::string_view kCheckpointKey = "checkpoint";
constexpr std::string_view kDamageKey = "damage";
constexpr std::string_view kAckedKey = "acked_seq";
// A slice of trimming or reading stays near 2 ms, so that a commit never waits long.
constexpr std::int64_t kTrimRows_max = 128;
constexpr std::int64_t kTrimBytes_max = 1 << 20;
constexpr std::size_t kReadBytes_max = 1 << 20;
constexpr std::size_t kGiveUpRows_max = 128;

std::string random_epoch(const StoreOptions& options) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string epoch;
  for (int i = 0; i < 2; ++i) {
    const std::uint64_t bits = random_bits(options);
    for (int shift = 60; shift >= 0; shift -= 4) epoch.push_back(kHex[(bits >> shift) & 15]);
  }
  return epoch;
}

FileSystem& files_of(const StoreOptions& options) {
  return options.files != nullptr ? *options.files : system_files();
}

/// Empty when the machine has none; then the epoch is bound to nothing.
std::string machine_id(const StoreOptions& options) {
  if (!options.machine_id.empty()) return options.machine_id;
  std::ifstream file("/etc/machine-id");
  std::string id;
  file >> id;
  return id;
}

/// Of all parts together, in any order. Each row's own checksum holds as well for a row that an
/// older checkpoint left.
std::uint64_t checksum_of(const std::vector<CheckpointPart>& parts) {
  std::uint64_t sum = 0;
  for (const CheckpointPart& part : parts) {
    sum += static_cast<std::uint64_t>(row_crc({}, {part.name, part.bytes}));
  }
  return sum;
}

Status check(const StoreOptions& options) {
  if (options.quota_bytes < kQuotaMin_bytes) {
    return invalid_argument("the storage quota of " + std::to_string(options.quota_bytes) +
                            " bytes is below the least, 1 MiB");
  }
  if (!(options.raw_share >= 0 && options.raw_share <= 1)) {
    return invalid_argument("the share of segments in the storage quota must be 0 to 1");
  }
  return {};
}

}  // namespace

std::uint64_t random_bits(const StoreOptions& options) {
  if (options.random) return options.random();
  std::uint64_t bits = 0;
  SLUICE_ASSERT(getentropy(&bits, sizeof bits) == 0);
  return bits;
}

StoreFile::StoreFile(const StoreOptions& options, const Clock& clock, Database database)
    : options_(options),
      clock_(clock),
      path_(options.dir + "/sluice.sqlite"),
      database_(std::move(database)),
      meta_(database_),
      segments_(database_),
      outbox_(database_),
      gaps_(database_),
      epoch_table_(database_),
      series_(database_, "series"),
      topics_(database_, "topic"),
      checkpoint_(database_),
      dead_letters_(database_, options.dead_letters_max) {}

Result<std::unique_ptr<StoreFile>> StoreFile::open(const StoreOptions& options,
                                                   const Clock& clock) {
  if (Status s = check(options); !s.ok()) return s;
  if (Status s = files_of(options).make_directory(options.dir); !s.ok()) return s;
  auto file = try_open(options, clock);
  if (file.ok() || file.status().code() != StatusCode::data_loss) return file;
  const std::string reason(file.status().message());
  auto kept = set_aside(files_of(options), options.dir + "/sluice.sqlite");
  if (!kept.ok()) return kept.status();
  log::error("store", "the database is damaged or not ours: set aside, a new one begins",
             {{"reason", reason}, {"kept_as", *kept}});
  file = try_open(options, clock);
  if (file.ok()) (*file)->rebuilt_ = true;
  return file;
}

Result<std::unique_ptr<StoreFile>> StoreFile::try_open(const StoreOptions& options,
                                                       const Clock& clock) {
  auto database =
      open_database(files_of(options), options.dir + "/sluice.sqlite", options.quota_bytes);
  if (!database.ok()) return database.status();
  std::unique_ptr<StoreFile> file(new StoreFile(options, clock, *std::move(database)));
  if (Status s = file->load(); !s.ok()) return s;
  return file;
}

Status StoreFile::load() {
  if (Status s = database_.prepared(); !s.ok()) return s;
  if (Status s = gaps_.load(); !s.ok()) return s;
  if (Status s = load_identity(); !s.ok()) return s;
  auto series = series_.load();
  if (!series.ok()) return series.status();
  auto topics = topics_.load();
  if (!topics.ok()) return topics.status();
  auto next = outbox_.next_seq();
  if (!next.ok()) return next.status();
  next_seq_ = start_seq_ = *next;
  if (Status s = load_checkpoint(); !s.ok()) return s;
  if (Status s = load_segments(); !s.ok()) return s;
  if (Status s = load_acked(); !s.ok()) return s;
  if (Status s = report_damaged_segments(); !s.ok()) return s;
  recovered_.series = *std::move(series);
  recovered_.topics = *std::move(topics);
  recovered_.ledger = total_;
  recovered_.next_seq = next_seq_;
  return {};
}

Status StoreFile::load_identity() {
  auto epochs = epoch_table_.load();
  if (!epochs.ok()) return epochs.status();
  auto machine = meta_.get(kMachineKey);
  if (!machine.ok()) return machine.status();
  auto file = meta_.get(kFileKey);
  if (!file.ok()) return file.status();
  epochs_ = *std::move(epochs);
  if (epochs_.empty()) return first_identity(*machine);
  const std::string here = machine_id(options_);
  const std::string born = files_of(options_).birth_mark(path_);
  const auto differ = [](const std::string& a, const std::string& b) {
    return !a.empty() && !b.empty() && a != b;
  };
  const bool other_machine = differ(*machine, here);
  const bool other_file = differ(*file, born);
  const bool other_name = identity().node != options_.node;
  epoch_ends_ = other_machine || other_file || other_name;
  if (epoch_ends_) {
    log::warn("store", "the database was copied, moved or renamed: a new epoch begins",
              {{"other_machine", other_machine},
               {"other_file", other_file},
               {"node_before", identity().node}});
    return {};
  }
  if ((!machine->empty() || here.empty()) && (!file->empty() || born.empty())) return {};
  Transaction transaction(database_);
  if (Status s = transaction.begin(); !s.ok()) return s;
  if (Status s = bind_identity(); !s.ok()) return s;
  return transaction.commit();
}

/// Of a new database, or of one whose only epoch stood in meta.
Status StoreFile::first_identity(const std::string& machine) {
  auto epoch_before = meta_.get(kEpochKey);
  if (!epoch_before.ok()) return epoch_before.status();
  const std::string here = machine_id(options_);
  epoch_ends_ = !machine.empty() && !here.empty() && machine != here;
  epochs_ = {{0, {options_.node, epoch_before->empty() ? random_epoch(options_) : *epoch_before}}};
  Transaction transaction(database_);
  if (Status s = transaction.begin(); !s.ok()) return s;
  if (Status s = epoch_table_.store(epochs_); !s.ok()) return s;
  // In this transaction, so that a kill at any moment since the renaming does not hide the loss.
  if (epoch_before->empty() && has_set_aside(files_of(options_), path_)) {
    if (Status s = add_gap(LedgerKind::readings, "", "database_rebuilt"); !s.ok()) return s;
  }
  if (!epoch_ends_) {
    if (Status s = bind_identity(); !s.ok()) return s;
  }
  return transaction.commit();
}

Status StoreFile::bind_identity() {
  if (Status s = meta_.put(kMachineKey, machine_id(options_)); !s.ok()) return s;
  return meta_.put(kFileKey, files_of(options_).birth_mark(path_));
}

Status StoreFile::load_checkpoint() {
  auto bytes = meta_.get(kCheckpointKey);
  if (!bytes.ok()) return bytes.status();
  auto parts = checkpoint_.load();
  if (!parts.ok()) return parts.status();
  if (bytes->empty()) {
    return parts->empty() ? Status() : data_loss("the position of the checkpoint is missing");
  }
  ByteReader in(*bytes);
  checkpoint_id_ = in.i64();
  const std::uint64_t count = in.u64();
  auto ledger = Ledger::decode(in.string());
  // Databases of before had none.
  const std::uint64_t sum = in.at_end() ? checksum_of(*parts) : in.fixed64();
  if (!in.at_end() || !ledger.ok()) return data_loss("the position of the checkpoint is malformed");
  if (count != parts->size() || sum != checksum_of(*parts)) {
    return data_loss("the parts of the checkpoint are not of one checkpoint");
  }
  total_ = *std::move(ledger);
  recovered_.checkpoint = *std::move(parts);
  return {};
}

Status StoreFile::load_segments() {
  bool last_intact = true;
  if (Status s = segments_.last(log_, last_intact); !s.ok()) return s;
  if (log_.id < checkpoint_id_) return data_loss("the segment of the checkpoint is missing");
  std::uint64_t good = 0;
  std::int64_t log_bytes = 0;
  const Status status = segments_.scan(
      checkpoint_id_, [&](const SegmentTable::Position& at, std::string_view body, bool intact) {
        auto segment = intact ? decode_segment(body) : data_loss("checksum");
        if (!segment.ok()) return;
        total_.add(segment->ledger);
        log_bytes = at.log_bytes;
        ++good;
      });
  if (!status.ok()) return status;
  if (!last_intact) {
    auto rows = outbox_.count();
    if (!rows.ok()) return rows.status();
    log_ = {log_.id, log_bytes, *rows};
  }
  auto start = segments_.start(log_.log_bytes);
  if (!start.ok()) return start.status();
  log_start_ = *start;
  recovered_.segments_after_checkpoint = good;
  recovered_.damaged_segments = static_cast<std::uint64_t>(log_.id - checkpoint_id_) - good;
  if (recovered_.damaged_segments > 0) {
    log::error("store", "segments are damaged: their readings are missing from the state",
               {{"segments", recovered_.damaged_segments}});
  }
  return {};
}

Status StoreFile::load_acked() {
  auto bytes = meta_.get(kAckedKey);
  if (!bytes.ok() || bytes->empty()) return bytes.status();
  ByteReader in(*bytes);
  acked_seq_ = in.i64();
  return in.at_end() ? Status() : data_loss("the highest acknowledged number is malformed");
}

Status StoreFile::write_acked(std::int64_t seq) {
  ByteWriter out;
  out.i64(seq);
  return meta_.put(kAckedKey, out.bytes());
}

/// Once for each, though every open finds them again until the next checkpoint.
Status StoreFile::report_damaged_segments() {
  if (recovered_.damaged_segments == 0) return {};
  // What they changed in the ledger is gone, and with it what they say of the outbox.
  const std::int64_t last = log_.id;
  if (Status s = quarantine({}); !s.ok()) return s;
  if (log_.id > last) ++recovered_.segments_after_checkpoint;
  auto known = meta_.get(kDamageKey);
  if (!known.ok()) return known.status();
  ByteReader in(*known);
  if (in.i64() == checkpoint_id_ && in.u64() >= recovered_.damaged_segments) return {};
  ByteWriter out;
  out.i64(checkpoint_id_);
  out.u64(recovered_.damaged_segments);
  Transaction transaction(database_);
  if (Status s = transaction.begin(); !s.ok()) return s;
  if (Status s = add_gap(LedgerKind::readings, "", "segment_corrupt"); !s.ok()) return s;
  if (Status s = meta_.put(kDamageKey, out.bytes()); !s.ok()) return s;
  return transaction.commit();
}

Status StoreFile::add_gap(LedgerKind kind, std::string_view owner, std::string_view cause) {
  return gaps_.add({kind, std::string(owner), std::string(cause), 0, clock_.wall_ns(), 0}, epoch());
}

Status StoreFile::replay(const std::function<Status(const Segment&)>& apply) {
  Status result;
  const Status status = segments_.scan(
      checkpoint_id_, [&](const SegmentTable::Position&, std::string_view body, bool intact) {
        if (!intact || !result.ok()) return;
        auto segment = decode_segment(body);
        if (segment.ok()) result = apply(*segment);
      });
  return status.ok() ? result : status;
}

StoreFile::Change StoreFile::begin_change() const {
  Change change;
  change.position = log_;
  change.position.id = log_.id + 1;
  change.next_seq = next_seq_;
  change.acked_seq = acked_seq_;
  return change;
}

Status StoreFile::commit(CommitGroup* group, std::span<const std::int64_t> acked) {
  Change change = begin_change();
  if (group != nullptr) change.delta = group->segment.ledger;
  Transaction transaction(database_);
  if (Status s = transaction.begin(); !s.ok()) return s;
  const auto delivered = remove_rows(acked, change);
  if (!delivered.ok()) return delivered.status();
  count_out(*delivered, Term::acked, {}, change);
  if (group == nullptr && change.position.outbox_rows == log_.outbox_rows) return {};
  if (change.removed_seq > acked_seq_) {
    change.acked_seq = change.removed_seq;
    if (Status s = write_acked(change.acked_seq); !s.ok()) return s;
  }
  if (group != nullptr) {
    if (Status s = write_group(*group, change); !s.ok()) return s;
  }
  const auto entries = group != nullptr ? std::span<const LogEntry>(group->segment.entries)
                                        : std::span<const LogEntry>();
  if (Status s = write_segment(entries, change); !s.ok()) return s;
  if (group != nullptr && group->checkpoint) {
    if (Status s = write_checkpoint(*group->checkpoint, change); !s.ok()) return s;
  }
  if (Status s = transaction.commit(); !s.ok()) return s;
  adopt(std::move(change));
  return {};
}

/// What the rows say they held, by pipeline. Unknown numbers are ignored: an ack may come again.
Result<StoreFile::Claims> StoreFile::remove_rows(std::span<const std::int64_t> seqs,
                                                 Change& change) {
  Claims claims;
  for (const std::int64_t seq : seqs) {
    auto owner = outbox_.remove(seq);
    if (!owner.ok()) return owner.status();
    if (!*owner) continue;
    --change.position.outbox_rows;
    change.removed_seq = std::max(change.removed_seq, seq);
    const auto [claim, fresh] = claims.emplace((*owner)->pipeline, **owner);
    if (!fresh) claim->second.add(**owner);
  }
  return claims;
}

void StoreFile::count_out(const Claims& claims, Term end, std::string_view cause, Change& change) {
  for (const auto& [pipeline, claim] : claims) {
    change.delta.add(LedgerKind::panes, pipeline, Term::outbox, -std::int64_t{claim.panes});
    change.delta.add(LedgerKind::panes, pipeline, end, claim.panes, cause);
  }
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
    if (Status s = write_row(row, change); !s.ok()) return s;
  }
  for (const Gap& gap : group.gaps) {
    if (Status s = gaps_.add(gap, epoch()); !s.ok()) return s;
  }
  return group.dead_letters.empty() ? Status() : dead_letters_.insert(group.dead_letters);
}

Status StoreFile::write_row(OutboxRow& row, Change& change) {
  row.seq = change.next_seq++;
  ++change.position.outbox_rows;
  return outbox_.insert(row);
}

Status StoreFile::end_epoch(CommitGroup& group, Change& change) {
  SLUICE_ASSERT(group.checkpoint);
  std::vector<OutboxRow> parted;
  const std::int64_t moves_from = group.epoch_end->takes_rows_along
                                      ? std::max(start_seq_, epochs_.back().first_seq)
                                      : next_seq_;
  auto splits = outbox_.read_splits(moves_from);
  if (!splits.ok()) return splits.status();
  for (OutboxRow& row : *splits) {
    if (Status s = part_row(row, parted, change); !s.ok()) return s;
  }
  const auto of_group = std::count_if(group.outbox.begin(), group.outbox.end(),
                                      [](const OutboxRow& row) { return row.of_ended_epoch; });
  EpochRanges ranges = epochs_;
  auto lowest = outbox_.lowest_seq();
  if (!lowest.ok()) return lowest.status();
  while (ranges.size() > 1 && (*lowest == 0 || ranges[1].first_seq <= *lowest)) {
    ranges.erase(ranges.begin());
  }
  change.next_seq = storage::end_epoch(ranges, {options_.node, random_epoch(options_)}, moves_from,
                                       next_seq_, group.epoch_end->cloud_highest_seq,
                                       static_cast<std::uint32_t>(random_bits(options_)),
                                       static_cast<std::int64_t>(parted.size()) + of_group);
  for (OutboxRow& row : parted) {
    if (Status s = write_row(row, change); !s.ok()) return s;
  }
  for (OutboxRow& row : group.outbox) {
    if (!row.of_ended_epoch) continue;
    if (Status s = write_row(row, change); !s.ok()) return s;
  }
  if (Status s = epoch_table_.store(ranges); !s.ok()) return s;
  change.epochs = std::move(ranges);
  return bind_identity();
}

/// A row that goes over to the new epoch keeps what came since the start; the rest of its windows
/// stays with the old one.
Status StoreFile::part_row(OutboxRow& row, std::vector<OutboxRow>& ended, Change& change) {
  if (auto removed = outbox_.remove(row.seq); !removed.ok()) return removed.status();
  const RowSplit split = *std::exchange(row.split, std::nullopt);
  const std::int64_t more = std::int64_t{split.before_panes} + split.since_panes - row.panes;
  for (const Term term : {Term::closed, Term::outbox}) {
    change.delta.add(LedgerKind::panes, row.pipeline, term, more);
  }
  OutboxRow before = row;
  before.panes = split.before_panes;
  before.bytes = split.before;
  ended.push_back(std::move(before));
  if (split.since_panes == 0) {
    --change.position.outbox_rows;
    return {};
  }
  row.panes = split.since_panes;
  row.bytes = split.since;
  return outbox_.insert(row);
}

Status StoreFile::write_segment(std::span<const LogEntry> entries, Change& change) {
  const std::string body = encode_segment(entries, change.delta);
  change.position.log_bytes += SegmentTable::row_bytes(body);
  return segments_.append(change.position, body);
}

Status StoreFile::write_checkpoint(const std::vector<CheckpointPart>& parts, Change& change) {
  auto known = checkpoint_.replace(parts);
  if (!known.ok()) return known.status();
  change.parts = *std::move(known);
  Ledger total = total_;
  total.add(change.delta);
  ByteWriter position;
  position.i64(change.position.id);
  position.u64(parts.size());
  position.string(total.encode());
  position.fixed64(checksum_of(parts));
  return meta_.put(kCheckpointKey, position.bytes());
}

void StoreFile::adopt(Change change) {
  log_ = change.position;
  next_seq_ = change.next_seq;
  acked_seq_ = change.acked_seq;
  total_.add(change.delta);
  delta_.add(change.delta);
  if (change.epochs) {
    epochs_ = *std::move(change.epochs);
    epoch_ends_ = false;
  }
  if (!change.parts) return;
  checkpoint_.adopt(*std::move(change.parts));
  checkpoint_id_ = log_.id;
}

Result<std::vector<OutboxRow>> StoreFile::read_outbox(std::int64_t after_seq,
                                                      std::size_t bytes_max) {
  auto page = outbox_.read(after_seq, std::min(bytes_max, kReadBytes_max));
  if (!page.ok()) return page.status();
  if (!page->damaged.empty()) {
    const Status status = quarantine(page->damaged);
    log::error("store", "damaged rows of the outbox are given up",
               {{"rows", page->damaged.size()}, {"result", status.to_string()}});
  }
  std::vector<OutboxRow> rows;
  for (OutboxRow& row : page->rows) {
    row.identity = identity_of(epochs_, row.seq);
    if (!rows.empty() && !(row.identity == rows.front().identity)) break;
    rows.push_back(std::move(row));
  }
  return rows;
}

Status StoreFile::quarantine(std::span<const std::int64_t> seqs) {
  Change change = begin_change();
  Transaction transaction(database_);
  if (Status s = transaction.begin(); !s.ok()) return s;
  const auto claims = remove_rows(seqs, change);
  if (!claims.ok()) return claims.status();
  if (Status s = reconcile(change, *claims); !s.ok()) return s;
  if (seqs.empty() && change.delta.empty()) return {};
  if (Status s = write_segment({}, change); !s.ok()) return s;
  if (Status s = transaction.commit(); !s.ok()) return s;
  adopt(std::move(change));
  return {};
}

/// A damaged row cannot be trusted to say whose panes it held. The ledger knows what should be
/// there, so what the remaining rows do not account for is what was lost. Where it confirms what
/// the rows say of a pipeline's panes, their time range is taken for true as well.
Status StoreFile::reconcile(Change& change, const Claims& claims) {
  auto held = outbox_.panes_by_pipeline();
  if (!held.ok()) return held.status();
  std::set<std::string> pipelines;
  for (const std::string& owner : total_.owners(LedgerKind::panes)) pipelines.insert(owner);
  for (const auto& [pipeline, panes] : *held) pipelines.insert(pipeline);
  bool reported = false;
  for (const std::string& pipeline : pipelines) {
    const std::int64_t lost =
        total_.get(LedgerKind::panes, pipeline, Term::outbox) - (*held)[pipeline];
    change.delta.add(LedgerKind::panes, pipeline, Term::outbox, -lost);
    // More rows than counted: their commit's segment is damaged, and with it their `closed`.
    if (lost < 0) change.delta.add(LedgerKind::panes, pipeline, Term::closed, -lost);
    if (lost <= 0) continue;
    change.delta.add(LedgerKind::panes, pipeline, Term::expired, lost, "corrupt");
    Gap gap{LedgerKind::panes, pipeline,
            "corrupt",         0,
            clock_.wall_ns(),  static_cast<std::uint64_t>(lost)};
    const auto claim = claims.find(pipeline);
    if (claim != claims.end() && claim->second.panes == lost) {
      gap.from_ns = claim->second.start_ns;
      gap.to_ns = claim->second.end_ns;
    }
    if (Status s = gaps_.add(std::move(gap), epoch()); !s.ok()) return s;
    reported = true;
  }
  const bool nothing = claims.empty() && change.delta.empty();
  return reported || nothing ? Status() : add_gap(LedgerKind::panes, "", "corrupt");
}

Result<std::vector<GapRow>> StoreFile::read_gaps(std::int64_t after_seq, std::size_t count_max) {
  auto page = gaps_.read(after_seq, count_max);
  if (!page.ok()) return page.status();
  if (page->damaged.empty()) return std::move(page->rows);
  Transaction transaction(database_);
  if (Status s = transaction.begin(); !s.ok()) return s;
  for (const std::int64_t seq : page->damaged) {
    if (Status s = gaps_.remove(seq); !s.ok()) return s;
  }
  if (Status s = add_gap(LedgerKind::messages, "", "gap_corrupt"); !s.ok()) return s;
  if (Status s = transaction.commit(); !s.ok()) return s;
  log::error("store", "damaged gap records are replaced by one that says so",
             {{"rows", page->damaged.size()}});
  page = gaps_.read(after_seq, count_max);
  if (!page.ok()) return page.status();
  return std::move(page->rows);
}

Status StoreFile::acknowledge_gaps(std::int64_t seq) {
  Transaction transaction(database_);
  if (Status s = transaction.begin(); !s.ok()) return s;
  if (Status s = gaps_.remove_up_to(seq); !s.ok()) return s;
  return transaction.commit();
}

Result<std::vector<DeadLetter>> StoreFile::dead_letters(std::size_t count_max) {
  return dead_letters_.newest(count_max);
}

Result<bool> StoreFile::misses_acked(const Identity& of, std::int64_t highest_seq) {
  // Of identities whose rows have all left, the ranges are not kept.
  const bool known = acked_seq_ >= epochs_.front().first_seq && identity_at(acked_seq_) == of;
  if (!known || highest_seq >= acked_seq_) return false;
  Transaction transaction(database_);
  if (Status s = transaction.begin(); !s.ok()) return s;
  if (Status s = add_gap(LedgerKind::panes, "", "missing_at_hub"); !s.ok()) return s;
  if (Status s = write_acked(highest_seq); !s.ok()) return s;
  if (Status s = transaction.commit(); !s.ok()) return s;
  acked_seq_ = highest_seq;
  return true;
}

Result<bool> StoreFile::give_up_slice(const Identity& of, std::int64_t first_seq,
                                      std::int64_t last_seq, GiveUp why) {
  if (of == identity()) return failed_precondition("rows of the current epoch are not given up");
  std::vector<std::int64_t> seqs;
  for (std::size_t i = 0; i + 1 < epochs_.size() && seqs.empty(); ++i) {
    if (!(epochs_[i].identity == of)) continue;
    const std::int64_t from_seq = std::max(first_seq, epochs_[i].first_seq);
    const std::int64_t to_seq = std::min(last_seq, epochs_[i + 1].first_seq - 1);
    auto found = outbox_.seqs(from_seq, to_seq + 1, kGiveUpRows_max);
    if (!found.ok()) return found.status();
    seqs = *std::move(found);
  }
  if (seqs.empty()) return false;
  Change change = begin_change();
  Transaction transaction(database_);
  if (Status s = transaction.begin(); !s.ok()) return s;
  const auto claims = remove_rows(seqs, change);
  if (!claims.ok()) return claims.status();
  const std::string cause = why == GiveUp::other_life ? "other_life" : "live_elsewhere";
  count_out(*claims, Term::expired, cause, change);
  if (why == GiveUp::other_life) {
    for (const auto& [pipeline, claim] : *claims) {
      const Gap gap{LedgerKind::panes, pipeline, cause, claim.start_ns, claim.end_ns, claim.panes};
      if (Status s = gaps_.add(gap, epoch()); !s.ok()) return s;
    }
  }
  if (Status s = write_segment({}, change); !s.ok()) return s;
  if (Status s = transaction.commit(); !s.ok()) return s;
  adopt(std::move(change));
  return true;
}

Result<bool> StoreFile::trim_slice() {
  Transaction transaction(database_);
  if (Status s = transaction.begin(); !s.ok()) return s;
  auto end = segments_.trim(checkpoint_id_, kTrimRows_max, kTrimBytes_max);
  if (!end.ok()) return end.status();
  if (end->id == 0) return false;
  if (Status s = transaction.commit(); !s.ok()) return s;
  log_start_ = std::clamp(end->log_bytes, log_start_, log_.log_bytes);
  return true;
}

Status StoreFile::trim_to_share() {
  // Down to 15/16 at once: a slice costs a commit, so it must not come with every one of them.
  const double share_bytes = options_.raw_share * static_cast<double>(options_.quota_bytes);
  const auto used_bytes = static_cast<double>(raw_bytes());
  if (used_bytes > share_bytes) trimming_ = true;
  if (used_bytes <= share_bytes * 15 / 16) trimming_ = false;
  if (!trimming_) return {};
  auto trimmed = trim_slice();
  if (!trimmed.ok()) return trimmed.status();
  trimming_ = *trimmed;
  return {};
}

Status StoreFile::fill_stats(StoreStats& stats) {
  auto pages = database_.integer("PRAGMA page_count");
  if (!pages.ok()) return pages.status();
  auto free = database_.integer("PRAGMA freelist_count");
  if (!free.ok()) return free.status();
  stats.bytes = static_cast<std::uint64_t>((*pages - *free) * kPageBytes);
  stats.bytes_max =
      static_cast<std::uint64_t>(page_budget(options_.quota_bytes).database_pages * kPageBytes);
  stats.outbox_rows = static_cast<std::uint64_t>(log_.outbox_rows);
  stats.outbox_panes = static_cast<std::uint64_t>(total_.sum(LedgerKind::panes, Term::outbox));
  stats.raw_bytes = static_cast<std::uint64_t>(raw_bytes());
  return {};
}

void StoreFile::mark_suspect() const { storage::mark_suspect(files_of(options_), path_); }

}  // namespace sluice::storage
