#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "aggregate/aggregate.h"

namespace sluice {

struct TopOptions {
  /// Counters kept, 1..1024. Eight per key that is asked for makes a good top list.
  std::uint16_t capacity = 128;
  /// 24..1024. A longer key is cut at a character and ends in '~' and 16 hex digits of its hash.
  std::uint16_t key_bytes_max = 128;

  bool valid() const;
  friend bool operator==(const TopOptions&, const TopOptions&) = default;
};

/// The most frequent values or keys: SpaceSaving (Metwally, Agrawal, El Abbadi 2005), merged as
/// upper bounds after Agarwal et al. 2012 (mergeable summaries): a key that one part does not hold
/// takes that part's smallest count, and the `capacity` greatest stay.
///
/// Guarantees, N being total(), after any adding and merging:
///   - a key is never underestimated: its true count is in [count - error, count];
///   - error <= N / capacity, so a key that occurs more often than that is held.
/// merge(a, b) and merge(b, a) give the same bytes; merging in another grouping or adding in
/// another order may hold other keys, within the guarantees. Parts of unequal options merge at the
/// smaller.
///
/// A value's key is its shortest decimal form ("21.5"). Ties: by smaller error, then by key.
/// Order in time does not matter. Empty: no keys, total 0.
class SpaceSaving {
 public:
  struct Counter {
    std::string key;
    std::uint64_t count = 0;  ///< at least the true one
    std::uint64_t error = 0;  ///< at most so much too high
    friend bool operator==(const Counter&, const Counter&) = default;
  };

  explicit SpaceSaving(const TopOptions& options = {});

  bool add(std::int64_t event_time_ns, double value);
  void add_key(std::string_view key);
  Status merge(const SpaceSaving& other);

  const TopOptions& options() const { return options_; }
  std::uint64_t total() const { return total_; }
  /// The greatest true count that a key which is not held can have.
  std::uint64_t unheld_count_max() const;
  /// Greatest count first, at most `k` of them.
  std::vector<Counter> top(std::size_t k) const;

  void snapshot(ByteWriter& writer) const;
  static Result<SpaceSaving> restore(ByteReader& reader);
  std::size_t state_bytes() const;

 private:
  void add_bounded(std::string_view key);
  void insert(Counter counter);
  void increment(std::size_t slot);
  std::size_t find(std::string_view key, std::uint32_t tag) const;
  void adopt(const TopOptions& other);
  void assign(std::vector<Counter> counters);

  TopOptions options_;
  std::uint64_t total_ = 0;
  // A counter keeps its slot; `order_` sorts slots by count, greatest first, and `place_` is its
  // inverse. A key is looked up by scanning the tags, which for so few is as fast as an index.
  std::vector<Counter> counters_;
  std::vector<std::uint32_t> tags_;
  std::vector<std::uint16_t> order_;
  std::vector<std::uint16_t> place_;
};

}  // namespace sluice
