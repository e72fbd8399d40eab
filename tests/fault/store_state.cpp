#include "fault/store_state.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>

#include "base/bytes.h"
#include "store/segment_codec.h"

namespace sluice {
namespace {

const std::string kCountPart = "count";
const std::string kDeadLetters = "dead letters";

std::string encode_gap(std::string_view epoch, const Gap& gap) {
  ByteWriter out;
  out.string(epoch);
  out.string(gap.owner);
  out.string(gap.cause);
  out.i64(gap.from_ns);
  out.i64(gap.to_ns);
  out.u64(gap.count);
  return out.take();
}

std::string encode_letter(const DeadLetter& letter) {
  ByteWriter out;
  for (const std::string* text :
       {&letter.source, &letter.topic, &letter.reason, &letter.detail, &letter.payload_head}) {
    out.string(*text);
  }
  out.u64(letter.payload_bytes);
  out.i64(letter.wall_ns);
  return out.take();
}

/// What a definition with this id says, in every run: an id never changes its meaning.
std::string meaning_of(std::uint32_t id, std::string_view kind) {
  return std::string(kind) + std::string(id % 50, '.') + std::to_string(id);
}

/// Its counters that are not 0.
std::map<LedgerKey, std::int64_t> counted(const Ledger& ledger) {
  std::map<LedgerKey, std::int64_t> counters = ledger.counters();
  std::erase_if(counters, [](const auto& counter) { return counter.second == 0; });
  return counters;
}

/// Which epoch a row is of, a table says by ranges of numbers. A disk that lies may keep the row
/// and lose the range (store/README.md); what the row holds is its own all the same.
std::string without_epoch(const std::string& encoded_row) {
  ByteReader in(encoded_row);
  in.i64();
  in.string();
  in.u64();
  in.i64();
  in.i64();
  in.string();
  return encoded_row.substr(0, encoded_row.size() - in.remaining());
}

/// The store's own word for a loss that it found itself; ours are numbers.
bool is_of_the_store(const std::string& encoded_gap) {
  ByteReader in(encoded_gap);
  in.string();
  in.string();
  const std::string_view cause = in.string();
  return cause == "segment_corrupt" || cause == "corrupt" || cause == "gap_corrupt" ||
         cause == "database_rebuilt";
}

/// The epoch that a store begins which draws nothing but this number.
std::string epoch_of(std::uint64_t random) {
  char half[17];
  std::snprintf(half, sizeof half, "%016" PRIx64, random);
  return std::string(half) + half;
}

/// Rows of the epoch that ends come first, far above all numbers of before.
std::vector<std::int64_t> apply_rows(StoreState& state, const CommitGroup& group,
                                     std::uint64_t random) {
  const auto ends = [&group](const OutboxRow& row) {
    return group.epoch_end.has_value() && row.of_ended_epoch;
  };
  if (std::any_of(group.outbox.begin(), group.outbox.end(), ends)) {
    state.next_seq = std::max(state.next_seq, group.epoch_end->cloud_highest_seq + 1) +
                     static_cast<std::uint32_t>(random);
  }
  std::vector<std::int64_t> seqs(group.outbox.size());
  for (const bool ended : {true, false}) {
    if (!ended && group.epoch_end) state.epoch = epoch_of(random);
    for (std::size_t i = 0; i < seqs.size(); ++i) {
      OutboxRow row = group.outbox[i];
      if (ends(row) != ended) continue;
      row.seq = seqs[i] = state.next_seq++;
      row.identity.epoch = state.epoch;
      state.outbox[row.seq] = encode_row(row);
    }
  }
  return seqs;
}

template <typename Container, typename Value>
bool holds(const Container& container, const Value& value) {
  const auto at = container.find(value.first);
  return at != container.end() && at->second == value.second;
}

template <typename Map>
std::string first_difference(std::string_view what, const Map& a, const Map& b) {
  if (a == b) return {};
  std::string text(what);
  text += ": " + std::to_string(a.size()) + " and " + std::to_string(b.size());
  const auto at = std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first;
  return text + ", the first that differs is number " +
         std::to_string(std::distance(a.begin(), at));
}

}  // namespace

std::string encode_row(const OutboxRow& row) {
  ByteWriter out;
  out.i64(row.seq);
  out.string(row.pipeline);
  out.u64(row.panes);
  out.i64(row.start_ns);
  out.i64(row.end_ns);
  out.string(row.bytes);
  out.string(row.identity.epoch);
  return out.take();
}

Result<std::map<std::int64_t, std::string>> read_outbox(Store& store) {
  std::map<std::int64_t, std::string> all;
  for (;;) {
    auto rows = store.read_outbox(all.empty() ? 0 : all.rbegin()->first, 3000);
    if (!rows.ok()) return rows.status();
    if (rows->empty()) return all;
    for (const OutboxRow& row : *rows) all[row.seq] = encode_row(row);
  }
}

Result<StoreState> read_state(Store& store) {
  StoreState state;
  auto recovered = store.load();
  if (!recovered.ok()) return recovered.status();
  for (const Definition& d : recovered->series) state.series[d.id] = d.bytes;
  for (const Definition& d : recovered->topics) state.topics[d.id] = d.bytes;
  for (const CheckpointPart& part : recovered->checkpoint) state.checkpoint[part.name] = part.bytes;
  state.rebuilt = store.rebuilt();
  state.damaged_segments = recovered->damaged_segments;
  state.checkpoint_ledger = recovered->ledger;
  const Status replayed = store.replay([&](const Segment& segment) {
    if (!segment.entries.empty()) state.log.push_back(encode_segment(segment.entries, {}));
    for (const auto& [key, count] : segment.ledger.counters()) {
      state.checkpoint_ledger.add(key.kind, key.owner, key.term, -count, key.cause);
    }
    return Status();
  });
  if (!replayed.ok()) return replayed;
  store.start_stepped();
  auto outbox = read_outbox(store);
  if (!outbox.ok()) return outbox.status();
  state.outbox = *std::move(outbox);
  auto gaps = store.read_gaps(0, 1000);
  if (!gaps.ok()) return gaps.status();
  for (const GapRow& row : *gaps) state.gaps.push_back(encode_gap(row.epoch, row.gap));
  auto letters = store.dead_letters(100);
  if (!letters.ok()) return letters.status();
  for (const DeadLetter& letter : *letters) state.dead_letters.push_back(encode_letter(letter));
  state.epoch = store.epoch();
  state.next_seq = store.next_seq();
  state.ledger = store.durable_ledger();
  return state;
}

void apply_acks(StoreState& state, std::span<const std::int64_t> seqs) {
  for (const std::int64_t seq : seqs) {
    const auto row = state.outbox.find(seq);
    if (row == state.outbox.end()) continue;
    ByteReader in(row->second);
    in.i64();
    const std::string pipeline(in.string());
    const auto panes = static_cast<std::int64_t>(in.u64());
    state.ledger.add(LedgerKind::panes, pipeline, Term::outbox, -panes);
    state.ledger.add(LedgerKind::panes, pipeline, Term::acked, panes);
    state.outbox.erase(row);
  }
}

void apply_gap_acks(StoreState& state, std::size_t count) {
  state.gaps.erase(state.gaps.begin(), state.gaps.begin() + static_cast<std::ptrdiff_t>(count));
}

std::vector<std::int64_t> apply_group(StoreState& state, const CommitGroup& group,
                                      std::uint64_t random) {
  for (const Gap& gap : group.gaps) state.gaps.push_back(encode_gap(state.epoch, gap));
  std::vector<std::int64_t> seqs = apply_rows(state, group, random);
  state.ledger.add(group.segment.ledger);
  for (const Definition& d : group.series) state.series.emplace(d.id, d.bytes);
  for (const Definition& d : group.topics) state.topics.emplace(d.id, d.bytes);
  for (const DeadLetter& letter : group.dead_letters) {
    state.dead_letters.insert(state.dead_letters.begin(), encode_letter(letter));
  }
  if (state.dead_letters.size() > kDeadLetters_max) state.dead_letters.resize(kDeadLetters_max);
  state.newest_entries = encode_segment(group.segment.entries, {});
  if (!group.checkpoint) {
    state.log.push_back(state.newest_entries);
    return seqs;
  }
  state.log.clear();
  state.checkpoint_ledger = state.ledger;
  state.checkpoint.clear();
  for (const CheckpointPart& part : *group.checkpoint) state.checkpoint[part.name] = part.bytes;
  return seqs;
}

std::string difference(const StoreState& a, const StoreState& b) {
  if (a.epoch != b.epoch) return "epoch: " + a.epoch + " and " + b.epoch;
  if (a.next_seq != b.next_seq) {
    return "next number: " + std::to_string(a.next_seq) + " and " + std::to_string(b.next_seq);
  }
  for (std::string text :
       {first_difference("checkpoint", a.checkpoint, b.checkpoint),
        first_difference("log", a.log, b.log), first_difference("outbox", a.outbox, b.outbox),
        first_difference("gaps", a.gaps, b.gaps), first_difference("series", a.series, b.series),
        first_difference("topics", a.topics, b.topics),
        first_difference("ledger", counted(a.ledger), counted(b.ledger)),
        first_difference("ledger of the checkpoint", counted(a.checkpoint_ledger),
                         counted(b.checkpoint_ledger)),
        first_difference(kDeadLetters, a.dead_letters, b.dead_letters)}) {
    if (!text.empty()) return text;
  }
  return {};
}

bool only_letters_differ(std::string_view difference) {
  return difference.rfind(kDeadLetters, 0) == 0;
}

std::int64_t panes_unaccounted(const StoreState& state) {
  std::map<std::string, std::int64_t> panes;
  for (const std::string& pipeline : state.ledger.owners(LedgerKind::panes)) {
    panes[pipeline] = state.ledger.get(LedgerKind::panes, pipeline, Term::outbox);
  }
  for (const auto& [seq, row] : state.outbox) {
    ByteReader in(row);
    in.i64();
    const std::string pipeline(in.string());
    panes[pipeline] -= static_cast<std::int64_t>(in.u64());
  }
  std::int64_t sum = 0;
  for (const auto& [pipeline, count] : panes) sum += std::llabs(count);
  return sum;
}

void StoreHistory::add(const StoreState& state) {
  for (const auto& [seq, row] : state.outbox) rows_.insert(without_epoch(row));
  gaps_.insert(state.gaps.begin(), state.gaps.end());
  log_.insert(state.newest_entries);
  log_.insert(state.log.begin(), state.log.end());
  dead_letters_.insert(state.dead_letters.begin(), state.dead_letters.end());
  series_.insert(state.series.begin(), state.series.end());
  topics_.insert(state.topics.begin(), state.topics.end());
  checkpoints_[state.checkpoint] = state.checkpoint_ledger;
}

std::string StoreHistory::objection_to_log(const StoreState& state) const {
  std::uint64_t before = 0;
  std::uint64_t holes = 0;
  if (!state.checkpoint.empty()) before = std::stoull(state.checkpoint.at(kCountPart));
  for (const std::string& entries : state.log) {
    if (!log_.contains(entries)) return "the log has entries that were never written";
    const std::uint64_t number = number_of(entries);
    if (number <= before) return "the log goes back to group " + std::to_string(number);
    holes += number - before - 1;
    before = number;
  }
  if (holes <= state.damaged_segments) return {};
  return "the log lacks " + std::to_string(holes) + " groups and tells of " +
         std::to_string(state.damaged_segments);
}

std::string StoreHistory::objection(const StoreState& state) const {
  for (const auto& [seq, row] : state.outbox) {
    if (!rows_.contains(without_epoch(row)))
      return "row " + std::to_string(seq) + " was never written so";
    if (seq >= state.next_seq)
      return "the next number " + std::to_string(state.next_seq) + " is not after " +
             std::to_string(seq);
  }
  for (const std::string& gap : state.gaps) {
    if (!gaps_.contains(gap) && !is_of_the_store(gap)) return "a gap was never written so";
  }
  for (const auto& definition : state.series) {
    if (!holds(series_, definition)) return "a series means something else";
  }
  for (const auto& definition : state.topics) {
    if (!holds(topics_, definition)) return "a topic means something else";
  }
  for (const std::string& letter : state.dead_letters) {
    if (!dead_letters_.contains(letter)) return "a dead letter was never written so";
  }
  if (state.ledger.difference() != 0) return "the ledger does not balance";
  const auto checkpoint = checkpoints_.find(state.checkpoint);
  if (checkpoint == checkpoints_.end() && !state.checkpoint.empty()) {
    return "the checkpoint was never one";
  }
  const Ledger of_checkpoint = checkpoint == checkpoints_.end() ? Ledger() : checkpoint->second;
  if (counted(of_checkpoint) != counted(state.checkpoint_ledger)) {
    return "the ledger is not the checkpoint's";
  }
  return objection_to_log(state);
}

std::uint64_t number_of(std::string_view encoded_entries) {
  const auto segment = decode_segment(encoded_entries);
  SLUICE_ASSERT(segment.ok());
  return std::get<BatchEntry>(segment->entries.at(0)).fingerprints.at(0).hash;
}

std::uint64_t last_number(const StoreState& state) {
  if (!state.log.empty()) return number_of(state.log.back());
  const auto count = state.checkpoint.find(kCountPart);
  return count != state.checkpoint.end() ? std::stoull(count->second) : 0;
}

std::string GroupMaker::bytes(std::size_t size) {
  std::string text(size, '\0');
  for (char& c : text) c = static_cast<char>(random_());
  return text;
}

void GroupMaker::add_entries(CommitGroup& group, std::uint64_t number) {
  BatchEntry batch;
  batch.boottime_ns = static_cast<std::int64_t>(number);
  batch.fingerprints = {{0, 1, false, number}, {1, 2, true, random_() & kFingerprintMask}};
  const std::size_t rows = below(20) == 0 ? below(3000) : below(40);
  for (std::size_t i = 0; i < rows; ++i) {
    batch.readings.append({static_cast<SeriesId>(1 + below(9)), 1, static_cast<std::int64_t>(i),
                           Value::of(static_cast<double>(below(100'000)) / 100), Quality::good});
  }
  const auto readings = static_cast<std::int64_t>(rows);
  group.segment.entries = {batch};
  if (below(4) == 0) group.segment.entries.emplace_back(ConnectedEntry{1, below(2) == 0, 5});
  if (below(4) == 0) group.segment.entries.emplace_back(TickEntry{9});
  Ledger& ledger = group.segment.ledger;
  ledger.add(LedgerKind::messages, "mqtt/1", Term::received, 2);
  ledger.add(LedgerKind::messages, "mqtt/1", Term::decoded, 2);
  if (readings == 0) return;
  ledger.add(LedgerKind::readings, "room", Term::in, readings);
  ledger.add(LedgerKind::readings, "room", Term::aggregated, readings);
}

void GroupMaker::add_panes(CommitGroup& group) {
  for (std::size_t rows = below(4); rows > 0; --rows) {
    const std::string pipeline = below(3) == 0 ? "hall" : "room";
    const auto panes = static_cast<std::uint32_t>(1 + below(9));
    group.outbox.push_back(
        {0, pipeline, panes, 10, static_cast<std::int64_t>(10 + below(99)),
         bytes(large_ ? 12'000 + below(12'000) : below(below(8) == 0 ? 12'000 : 400))});
    group.segment.ledger.add(LedgerKind::panes, pipeline, Term::closed, panes);
    group.segment.ledger.add(LedgerKind::panes, pipeline, Term::outbox, panes);
  }
}

void GroupMaker::add_gap(CommitGroup& group, std::uint64_t number) {
  // Each of its own cause, so that the store merges none.
  group.gaps.push_back({LedgerKind::messages, "mqtt", std::to_string(number), 1,
                        static_cast<std::int64_t>(1 + below(99)), 1 + below(9)});
}

void GroupMaker::add_definitions(CommitGroup& group, const StoreState& state) {
  for (std::uint32_t i = static_cast<std::uint32_t>(below(3)); i > 0; --i) {
    const auto id = static_cast<std::uint32_t>(state.series.size() + i);
    group.series.push_back({id, meaning_of(id, "series")});
  }
  const auto topic = static_cast<std::uint32_t>(state.topics.size() + 1);
  if (below(2) == 0) group.topics.push_back({topic, meaning_of(topic, "topic")});
}

void GroupMaker::add_checkpoint(CommitGroup& group, const StoreState& state, std::uint64_t number) {
  std::map<std::string, std::string> parts = state.checkpoint;
  for (std::size_t changed = 1 + below(3); changed > 0; --changed) {
    const std::string name = "part/" + std::to_string(below(8));
    if (below(5) == 0)
      parts.erase(name);
    else
      parts[name] = bytes(below(6) == 0 ? below(15'000) : below(300));
  }
  parts[kCountPart] = std::to_string(number);
  group.checkpoint.emplace();
  for (const auto& [name, part] : parts) group.checkpoint->push_back({name, part});
}

void GroupMaker::add_epoch_end(CommitGroup& group, const StoreState& state) {
  group.epoch_end.emplace();
  if (below(2) == 0) {
    group.epoch_end->cloud_highest_seq = state.next_seq + static_cast<std::int64_t>(below(1000));
  }
  for (OutboxRow& row : group.outbox) row.of_ended_epoch = below(2) == 0;
}

CommitGroup GroupMaker::next(const StoreState& state) {
  CommitGroup group;
  const std::uint64_t number = last_number(state) + 1;
  add_entries(group, number);
  if (below(2) == 0) add_panes(group);
  if (below(8) == 0) add_gap(group, number);
  if (below(6) == 0) add_definitions(group, state);
  if (below(10) == 0) {
    group.dead_letters.push_back({"mqtt", "a/b", "not_json", bytes(20), bytes(below(900)), 901, 7});
  }
  std::size_t log_bytes = 0;
  for (const std::string& entries : state.log) log_bytes += entries.size();
  // The log behind the checkpoint is what makes room at the quota, so it may not grow for ever.
  const bool epoch_ends = below(25) == 0;
  if (epoch_ends) add_epoch_end(group, state);
  if (epoch_ends || below(6) == 0 || log_bytes > 100'000) add_checkpoint(group, state, number);
  group.acks = {{0, 1, number}};
  return group;
}

}  // namespace sluice
