#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/store.h"

namespace sluice {

/// What a store holds, as its owner can see it: read from an opened store, or foretold from what
/// was handed to one.
struct StoreState {
  std::string epoch;  ///< empty: there never was one
  std::int64_t next_seq = 1;
  Ledger ledger;
  std::map<std::uint32_t, std::string> series;
  std::map<std::uint32_t, std::string> topics;
  std::map<std::string, std::string> checkpoint;
  Ledger checkpoint_ledger;  ///< the total as of the checkpoint
  /// The entries of each group after the checkpoint, encoded. Segments of acks alone are left out.
  std::vector<std::string> log;
  std::map<std::int64_t, std::string> outbox;  ///< whole rows by number, encoded
  std::vector<std::string> dead_letters;       ///< newest first, encoded
  std::vector<std::string> gaps;               ///< oldest first, encoded

  /// Of the last group, also where it made a checkpoint. Only of a state that was foretold.
  std::string newest_entries;

  // Only of a state that was read.
  bool rebuilt = false;
  std::uint64_t damaged_segments = 0;
};

inline constexpr std::uint32_t kDeadLetters_max = 5;

/// Opens nothing and starts nothing: for a store that was opened, not loaded. Starts it, stepped.
Result<StoreState> read_state(Store& store);
/// All rows of the outbox of a store that runs, encoded.
Result<std::map<std::int64_t, std::string>> read_outbox(Store& store);
std::string encode_row(const OutboxRow& row);

/// What becomes of a state when these are on flash.
void apply_acks(StoreState& state, std::span<const std::int64_t> seqs);
/// The oldest `count` gaps.
void apply_gap_acks(StoreState& state, std::size_t count);
/// `random`: the number that the store draws for this group, again and again. The answer: numbers
/// of the group's outbox rows, in their order.
std::vector<std::int64_t> apply_group(StoreState& state, const CommitGroup& group,
                                      std::uint64_t random);

/// Empty when they hold the same; otherwise what differs first.
std::string difference(const StoreState& a, const StoreState& b);

/// Of a difference: nothing but samples of rejected payloads are gone, which are left out silently.
bool only_letters_differ(std::string_view difference);

/// Panes that the ledger has in the outbox less those in the rows, summed up over pipelines.
std::int64_t panes_unaccounted(const StoreState& state);

/// Everything a store was ever asked to hold. After damage it may serve less, but nothing else.
class StoreHistory {
 public:
  /// `state` was durable, or may have become so.
  void add(const StoreState& state);
  /// Empty when all of `state` was once so and every hole in it is told; else what is wrong.
  std::string objection(const StoreState& state) const;

 private:
  std::string objection_to_log(const StoreState& state) const;

  std::set<std::string> rows_;
  std::set<std::string> gaps_;
  std::set<std::string> log_;
  std::set<std::string> dead_letters_;
  std::map<std::uint32_t, std::string> series_;
  std::map<std::uint32_t, std::string> topics_;
  std::map<std::map<std::string, std::string>, Ledger> checkpoints_;
};

/// The number of the last group in a state; groups are numbered from 1 without a hole.
std::uint64_t last_number(const StoreState& state);
std::uint64_t number_of(std::string_view encoded_entries);

/// Random groups as the pipeline makes them, small, with everything a group can carry.
class GroupMaker {
 public:
  explicit GroupMaker(std::mt19937_64& random) : random_(random) {}
  /// Rows that fill a quota of 1 MiB within some dozens of groups.
  void make_large() { large_ = true; }
  /// The group after `state`.
  CommitGroup next(const StoreState& state);

 private:
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_() % n); }
  std::string bytes(std::size_t size);
  void add_entries(CommitGroup& group, std::uint64_t number);
  void add_panes(CommitGroup& group);
  void add_gap(CommitGroup& group, std::uint64_t number);
  void add_definitions(CommitGroup& group, const StoreState& state);
  void add_checkpoint(CommitGroup& group, const StoreState& state, std::uint64_t number);
  void add_epoch_end(CommitGroup& group, const StoreState& state);

  std::mt19937_64& random_;
  bool large_ = false;
};

}  // namespace sluice
