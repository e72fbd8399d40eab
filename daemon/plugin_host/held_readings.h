#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "model/reading.h"

namespace sluice {

/// The readings that one stage holds, by token, so that each ends exactly once: every token given
/// out is settled once or still here. What a failed call did is undone. [pipeline]
class HeldReadings {
 public:
  explicit HeldReadings(std::size_t capacity) : capacity_(capacity) {}

  struct Held {
    TopicId topic = 0;
    std::uint32_t row = 0;  ///< in the batch of the call that held it; means nothing later
  };

  /// A call of the plugin starts; `commit` or `undo` ends it.
  void begin();
  /// The new token; 0 at capacity.
  std::uint64_t hold(Held held);
  /// Takes it out. Empty for a token never given out or settled before.
  std::optional<Held> settle(std::uint64_t token);
  /// Given out since `begin`.
  bool is_new(std::uint64_t token) const { return token >= first_new_; }
  void commit() { settled_.clear(); }
  void undo();

  std::size_t size() const { return held_.size(); }
  /// The token of the next one, and how many more may be held.
  std::uint64_t next() const { return next_; }
  std::size_t room() const { return capacity_ - std::min(capacity_, held_.size()); }
  void encode(ByteWriter& out) const;
  /// `data_loss` and unchanged when the bytes are malformed; `failed_precondition` for more than
  /// there is room for.
  Status decode(ByteReader& in);

 private:
  std::size_t capacity_;
  std::uint64_t next_ = 1;
  std::uint64_t first_new_ = 1;
  std::unordered_map<std::uint64_t, Held> held_;
  std::vector<std::pair<std::uint64_t, Held>> settled_;  ///< in this call
};

}  // namespace sluice
