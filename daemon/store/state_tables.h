#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "model/ledger.h"
#include "model/log.h"
#include "store/database.h"

namespace sluice::storage {

// Small tables that an ordinary commit leaves alone. A row of them that fails its checksum is
// `data_loss`: without it the state cannot be told.

/// Single values by name. [store]
class MetaTable {
 public:
  explicit MetaTable(Database& database) : database_(database) {}
  /// Empty when there is none.
  Result<std::string> get(std::string_view key);
  Status put(std::string_view key, std::string_view value);

 private:
  Database& database_;
};

/// What the ids of series or of topics mean. [store]
class DefinitionTable {
 public:
  /// `table`: "series" or "topic".
  DefinitionTable(Database& database, const std::string& table);
  /// A definition already held stays as it is: an id never changes its meaning.
  Status insert(const Definition& definition);
  Result<std::vector<Definition>> load();

 private:
  Statement insert_;
  Statement load_;
};

/// The last checkpoint: its parts, a row each, and where in the log it was made. [store]
class CheckpointTable {
 public:
  struct Checkpoint {
    std::int64_t segment_id = 0;  ///< later segments come on top; 0 when there is no checkpoint
    Ledger ledger;                ///< the total, that segment included
    std::vector<CheckpointPart> parts;
  };
  /// What of a part is remembered to see whether it changed.
  struct Known {
    std::int64_t id = 0;
    std::uint64_t hash = 0;
    std::size_t size = 0;
  };
  using KnownParts = std::map<std::string, Known>;

  explicit CheckpointTable(Database& database);
  /// `data_loss` also when parts and position are not of one checkpoint.
  Result<Checkpoint> load();
  /// Writes the parts whose bytes changed, deletes those that are gone, and tells the position.
  /// Hand the answer to adopt() once the transaction is on flash.
  Result<KnownParts> replace(std::int64_t segment_id, const Ledger& ledger,
                             const std::vector<CheckpointPart>& parts);
  void adopt(KnownParts parts) { known_ = std::move(parts); }

 private:
  Result<std::vector<CheckpointPart>> load_parts();
  Result<KnownParts> replace_parts(const std::vector<CheckpointPart>& parts);

  MetaTable meta_;
  Statement put_;
  Statement remove_;
  Statement load_;
  KnownParts known_;
};

/// Rejected payloads, the newest `count_max`. [store]
class DeadLetterTable {
 public:
  DeadLetterTable(Database& database, std::uint32_t count_max);
  Status insert(const std::vector<DeadLetter>& letters);
  /// Newest first; damaged ones are left out.
  Result<std::vector<DeadLetter>> newest(std::size_t count_max);

 private:
  Database& database_;
  std::int64_t count_max_;
  Statement insert_;
  Statement trim_;
  Statement newest_;
};

}  // namespace sluice::storage
