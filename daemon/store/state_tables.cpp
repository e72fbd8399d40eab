#include "store/state_tables.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "base/hash.h"

namespace sluice::storage {
namespace {

constexpr std::string_view kCheckpointKey = "checkpoint";
// A topic may have 64 KiB; what is kept for a person to read need not.
constexpr std::size_t kTextBytes_max = 512;

std::string encode_letter(const DeadLetter& letter) {
  ByteWriter out;
  out.string(letter.source);
  out.string(std::string_view(letter.topic).substr(0, kTextBytes_max));
  out.string(letter.reason);
  out.string(std::string_view(letter.detail).substr(0, kTextBytes_max));
  out.string(std::string_view(letter.payload_head).substr(0, kDeadLetterBytes));
  out.u64(letter.payload_bytes);
  out.i64(letter.wall_ns);
  return out.take();
}

bool decode_letter(std::string_view bytes, DeadLetter& letter) {
  ByteReader in(bytes);
  letter.source = in.string();
  letter.topic = in.string();
  letter.reason = in.string();
  letter.detail = in.string();
  letter.payload_head = in.string();
  letter.payload_bytes = in.u64();
  letter.wall_ns = in.i64();
  return in.at_end();
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

Status damaged(std::string_view what) {
  return data_loss(std::string(what) + " fails its checksum");
}

}  // namespace

Result<std::string> MetaTable::get(std::string_view key) {
  Statement query(database_, "SELECT value, crc FROM meta WHERE key=?");
  std::string value;
  bool intact = true;
  const Status status = query.bind_text(1, key).each([&] {
    value = query.bytes(0);
    intact = query.integer(1) == row_crc({}, {key, value});
    return false;
  });
  if (!status.ok()) return status;
  if (!intact) return damaged("the row '" + std::string(key) + "' of meta");
  return value;
}

Status MetaTable::put(std::string_view key, std::string_view value) {
  Statement put(database_, "INSERT OR REPLACE INTO meta(key, value, crc) VALUES(?,?,?)");
  return put.bind_text(1, key).bind_blob(2, value).bind(3, row_crc({}, {key, value})).run();
}

DefinitionTable::DefinitionTable(Database& database, const std::string& table)
    : insert_(database, "INSERT OR IGNORE INTO " + table + "(id, crc, body) VALUES(?,?,?)"),
      load_(database, "SELECT id, crc, body FROM " + table + " ORDER BY id") {}

Status DefinitionTable::insert(const Definition& definition) {
  return insert_.bind(1, definition.id)
      .bind(2, row_crc({definition.id}, {definition.bytes}))
      .bind_blob(3, definition.bytes)
      .run();
}

Result<std::vector<Definition>> DefinitionTable::load() {
  std::vector<Definition> definitions;
  bool intact = true;
  const Status status = load_.each([&] {
    const std::int64_t id = load_.integer(0);
    definitions.push_back({static_cast<std::uint32_t>(id), std::string(load_.bytes(2))});
    intact = id == definitions.back().id &&
             load_.integer(1) == row_crc({id}, {definitions.back().bytes});
    return intact;
  });
  if (!status.ok()) return status;
  if (!intact) return damaged("the definition of a series or topic");
  return definitions;
}

CheckpointTable::CheckpointTable(Database& database)
    : meta_(database),
      put_(database, "INSERT INTO checkpoint_part(id, name, crc, body) VALUES(?,?,?,?)"),
      remove_(database, "DELETE FROM checkpoint_part WHERE id=?"),
      load_(database, "SELECT id, name, crc, body FROM checkpoint_part ORDER BY id") {}

Result<CheckpointTable::Checkpoint> CheckpointTable::load() {
  auto position = meta_.get(kCheckpointKey);
  if (!position.ok()) return position.status();
  auto parts = load_parts();
  if (!parts.ok()) return parts.status();
  if (position->empty()) {
    if (!parts->empty()) return data_loss("the position of the checkpoint is missing");
    return Checkpoint();
  }
  ByteReader in(*position);
  const std::int64_t segment_id = in.i64();
  const std::uint64_t count = in.u64();
  auto ledger = Ledger::decode(in.string());
  // Databases of before had none.
  const std::uint64_t sum = in.at_end() ? checksum_of(*parts) : in.fixed64();
  if (!in.at_end() || !ledger.ok()) return data_loss("the position of the checkpoint is malformed");
  if (count != parts->size() || sum != checksum_of(*parts)) {
    return data_loss("the parts of the checkpoint are not of one checkpoint");
  }
  return Checkpoint{segment_id, *std::move(ledger), *std::move(parts)};
}

Result<std::vector<CheckpointPart>> CheckpointTable::load_parts() {
  std::vector<CheckpointPart> parts;
  bool intact = true;
  known_.clear();
  const Status status = load_.each([&] {
    const std::int64_t id = load_.integer(0);
    CheckpointPart part{std::string(load_.bytes(1)), std::string(load_.bytes(3))};
    intact = load_.integer(2) == row_crc({id}, {part.name, part.bytes});
    known_[part.name] = {id, hash64(part.bytes), part.bytes.size()};
    parts.push_back(std::move(part));
    return intact;
  });
  if (!status.ok()) return status;
  if (!intact) return damaged("a part of the checkpoint");
  return parts;
}

Result<CheckpointTable::KnownParts> CheckpointTable::replace(
    std::int64_t segment_id, const Ledger& ledger, const std::vector<CheckpointPart>& parts) {
  auto known = replace_parts(parts);
  if (!known.ok()) return known.status();
  ByteWriter position;
  position.i64(segment_id);
  position.u64(parts.size());
  position.string(ledger.encode());
  position.fixed64(checksum_of(parts));
  if (Status s = meta_.put(kCheckpointKey, position.bytes()); !s.ok()) return s;
  return known;
}

/// Rows that change go before any comes: a REPLACE writes the new row before it frees the old one,
/// so a full database could not even take a checkpoint that is no larger than the last.
Result<CheckpointTable::KnownParts> CheckpointTable::replace_parts(
    const std::vector<CheckpointPart>& parts) {
  std::int64_t id_max = 0;
  for (const auto& [name, known] : known_) id_max = std::max(id_max, known.id);
  KnownParts next;
  std::vector<const CheckpointPart*> changed;
  for (const CheckpointPart& part : parts) {
    const auto old = known_.find(part.name);
    const Known now{old != known_.end() ? old->second.id : ++id_max, hash64(part.bytes),
                    part.bytes.size()};
    const bool fresh = next.emplace(part.name, now).second;
    SLUICE_ASSERT(fresh);
    const bool same =
        old != known_.end() && old->second.hash == now.hash && old->second.size == now.size;
    if (!same) changed.push_back(&part);
  }
  for (const auto& [name, known] : known_) {
    const auto now = next.find(name);
    const bool stays =
        now != next.end() && now->second.hash == known.hash && now->second.size == known.size;
    if (stays) continue;
    if (Status status = remove_.bind(1, known.id).run(); !status.ok()) return status;
  }
  for (const CheckpointPart* part : changed) {
    const std::int64_t id = next.at(part->name).id;
    const Status status = put_.bind(1, id)
                              .bind_text(2, part->name)
                              .bind(3, row_crc({id}, {part->name, part->bytes}))
                              .bind_blob(4, part->bytes)
                              .run();
    if (!status.ok()) return status;
  }
  return next;
}

DeadLetterTable::DeadLetterTable(Database& database, std::uint32_t count_max)
    : database_(database),
      count_max_(count_max),
      insert_(database, "INSERT INTO dead_letter(id, crc, body) VALUES(?,?,?)"),
      trim_(database, "DELETE FROM dead_letter WHERE id<=?"),
      newest_(database, "SELECT id, crc, body FROM dead_letter ORDER BY id DESC") {}

Status DeadLetterTable::insert(const std::vector<DeadLetter>& letters) {
  auto last = database_.integer("SELECT max(id) FROM dead_letter");
  if (!last.ok()) return last.status();
  std::int64_t id = *last;
  const auto kept = std::min(letters.size(), static_cast<std::size_t>(count_max_));
  for (std::size_t i = letters.size() - kept; i < letters.size(); ++i) {
    const std::string body = encode_letter(letters[i]);
    ++id;
    const Status status =
        insert_.bind(1, id).bind(2, row_crc({id}, {body})).bind_blob(3, body).run();
    if (!status.ok()) return status;
  }
  return trim_.bind(1, id - count_max_).run();
}

Result<std::vector<DeadLetter>> DeadLetterTable::newest(std::size_t count_max) {
  std::vector<DeadLetter> letters;
  if (count_max == 0) return letters;
  const Status status = newest_.each([&] {
    DeadLetter letter;
    const std::string_view body = newest_.bytes(2);
    const bool intact = newest_.integer(1) == row_crc({newest_.integer(0)}, {body});
    if (intact && decode_letter(body, letter)) letters.push_back(std::move(letter));
    return letters.size() < count_max;
  });
  if (!status.ok()) return status;
  return letters;
}

}  // namespace sluice::storage
