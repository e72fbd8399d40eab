#include "hub/change_writer.h"

#include <utility>

#include "aggregate/window_extras.h"
#include "base/crc32c.h"
#include "base/log.h"
#include "hub/hub_schema.h"

namespace sluice::hub {
namespace {

// A node has as many series as its config allows, thousands; this only bounds a broken one.
constexpr std::int64_t kSeriesPerNodeMax = 1'000'000;

constexpr char kGreetNode[] =
    "INSERT INTO node (node, epoch, version, last_seen_ns) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (node, epoch) DO UPDATE SET version = excluded.version";
constexpr char kFindNode[] =
    "SELECT id, highest_seq, highest_crc32c, series, panes, unread FROM node"
    " WHERE node = ? AND epoch = ?";
constexpr char kWriteNode[] =
    "UPDATE node SET last_seen_ns = ?, highest_seq = ?, highest_crc32c = ?, series = ?, panes = ?,"
    " unread = ? WHERE id = ?";
constexpr char kGetNode[] = "SELECT node, epoch, panes, unread FROM node WHERE id = ?";
constexpr char kCountNode[] = "UPDATE node SET panes = ?, unread = ? WHERE id = ?";
constexpr char kFindSeries[] =
    "SELECT definition, canonical_text FROM series WHERE node_id = ? AND id = ?";
constexpr char kInsertSeries[] =
    "INSERT INTO series (node_id, id, measurement, canonical_text, definition)"
    " VALUES (?, ?, ?, ?, ?)";
constexpr char kFindPane[] =
    "SELECT id, revision, quality, count, sum, min, max, first, last, m2, first_time_ns,"
    " last_time_ns, largest_gap_ns, time_integral_s, expected_every_ns, extras FROM pane"
    " WHERE node_id = ? AND start_ns = ? AND end_ns = ? AND kind = ?"
    " AND series_id = ? AND pipeline = ? AND spec_hash = ? AND ordinal = ?";
constexpr char kInsertPane[] =
    "INSERT INTO pane (revision, quality, count, sum, min, max, first, last, m2, first_time_ns,"
    " last_time_ns, largest_gap_ns, time_integral_s, expected_every_ns, extras, node_id, start_ns,"
    " end_ns, kind, series_id, pipeline, spec_hash, ordinal, boot_id)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
constexpr char kUpdatePane[] =
    "UPDATE pane SET revision = ?, quality = ?, count = ?, sum = ?, min = ?, max = ?, first = ?,"
    " last = ?, m2 = ?, first_time_ns = ?, last_time_ns = ?, largest_gap_ns = ?,"
    " time_integral_s = ?, expected_every_ns = ?, extras = ? WHERE id = ?";
// Sessions (kind 4) of the same series that a pane overlaps in time: there are such only when two
// lives of one database have told of them.
constexpr char kHasOtherLife[] =
    "SELECT 1 FROM pane WHERE kind = 4 AND node_id = ? AND series_id = ? AND last_time_ns >= ?"
    " AND first_time_ns <= ? AND pipeline = ? AND spec_hash = ? AND NOT (start_ns = ? AND end_ns = "
    "?)"
    " AND quality NOT IN (2, 5, 6) LIMIT 1";
constexpr char kRetractOtherLife[] =
    "UPDATE pane SET quality = 6 WHERE kind = 4 AND node_id = ? AND series_id = ?"
    " AND last_time_ns >= ? AND first_time_ns <= ? AND pipeline = ? AND spec_hash = ?"
    " AND NOT (start_ns = ? AND end_ns = ?) AND quality = 2";
constexpr char kInsertGap[] =
    "INSERT OR IGNORE INTO gap (node_id, seq, kind, owner, cause, from_ns, to_ns, count,"
    " received_ns) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
constexpr int kContentColumns = 15;
constexpr int kKeyColumns = 8;

std::int64_t stored_gap_ns(const DecodedPane& pane) {
  return pane.has_held ? static_cast<std::int64_t>(pane.largest_gap_ns) : kGapUnknown;
}

std::string stored_extras(const DecodedPane& pane) {
  ByteWriter bytes;
  if (pane.extras) pane.extras->snapshot(bytes);
  return bytes.take();
}

void bind_content(Statement& statement, const DecodedPane& pane) {
  statement.bind(0, std::int64_t{pane.revision});
  statement.bind(1, static_cast<std::int64_t>(pane.quality));
  statement.bind(2, static_cast<std::int64_t>(pane.count));
  statement.bind(3, pane.sum).bind(4, pane.min).bind(5, pane.max);
  statement.bind(6, pane.first).bind(7, pane.last).bind(8, pane.m2);
  statement.bind(9, pane.first_time_ns).bind(10, pane.last_time_ns);
  statement.bind(11, stored_gap_ns(pane)).bind(12, pane.time_integral_s);
  statement.bind(13, pane.expected_every_ns).bind_blob(14, stored_extras(pane));
}

void bind_key(Statement& statement, int place, std::int64_t node_id, const DecodedBlock& block,
              const DecodedPane& pane) {
  statement.bind(place, node_id).bind(place + 1, pane.start_ns).bind(place + 2, pane.end_ns);
  statement.bind(place + 3, static_cast<std::int64_t>(pane.kind));
  statement.bind(place + 4, std::int64_t{pane.series_id});
  statement.bind_text(place + 5, block.pipeline);
  statement.bind(place + 6, static_cast<std::int64_t>(block.spec_hash));
  statement.bind(place + 7, static_cast<std::int64_t>(pane.ordinal));
}

bool row_equals(const Statement& row, const DecodedPane& pane) {
  return row.column_i64(2) == static_cast<std::int64_t>(pane.quality) &&
         row.column_i64(3) == static_cast<std::int64_t>(pane.count) &&
         row.column_f64(4) == pane.sum && row.column_f64(5) == pane.min &&
         row.column_f64(6) == pane.max && row.column_f64(7) == pane.first &&
         row.column_f64(8) == pane.last && row.column_f64(9) == pane.m2 &&
         row.column_i64(10) == pane.first_time_ns && row.column_i64(11) == pane.last_time_ns &&
         row.column_i64(12) == stored_gap_ns(pane) && row.column_f64(13) == pane.time_integral_s &&
         row.column_i64(14) == pane.expected_every_ns &&
         row.column_bytes(15) == stored_extras(pane);
}

// Two lives of one database (a restored backup, a clone) may close the same window under the same
// identity. They agree on what the window held when they parted; the one that ended its epoch there
// has no more than that, so the fuller pane holds the readings of both, whichever comes first.
bool gives_way(const Statement& kept, const DecodedPane& pane) {
  if (kept.column_i64(2) != static_cast<std::int64_t>(PaneQuality::partial_epoch)) return false;
  const auto count = static_cast<std::int64_t>(pane.count);
  const std::int64_t kept_count = kept.column_i64(3);
  return count > kept_count || (count == kept_count && pane.quality != PaneQuality::partial_epoch);
}

}  // namespace

Result<ChangeWriter> ChangeWriter::create(Database& database) {
  ChangeWriter writer;
  const std::pair<Statement*, const char*> statements[] = {
      {&writer.greet_node_, kGreetNode},
      {&writer.find_node_, kFindNode},
      {&writer.write_node_, kWriteNode},
      {&writer.get_node_, kGetNode},
      {&writer.count_node_, kCountNode},
      {&writer.find_series_, kFindSeries},
      {&writer.insert_series_, kInsertSeries},
      {&writer.find_pane_, kFindPane},
      {&writer.insert_pane_, kInsertPane},
      {&writer.update_pane_, kUpdatePane},
      {&writer.insert_gap_, kInsertGap},
      {&writer.has_other_life_, kHasOtherLife},
      {&writer.retract_other_life_, kRetractOtherLife}};
  for (const auto& [statement, sql] : statements) {
    auto prepared = database.prepare(sql);
    if (!prepared.ok()) return prepared.status();
    *statement = std::move(*prepared);
  }
  auto events = EventTable::create(database);
  if (!events.ok()) return events.status();
  writer.events_.emplace(std::move(*events));
  auto unread = UnreadTable::create(database);
  if (!unread.ok()) return unread.status();
  writer.unread_.emplace(std::move(*unread));
  auto boot_times = BootTimes::create(database);
  if (!boot_times.ok()) return boot_times.status();
  writer.boot_times_.emplace(std::move(*boot_times));
  return writer;
}

Result<ChangeWriter::Written> ChangeWriter::write(const Change& change, std::int64_t seen_ns) {
  auto node = find_node(change, seen_ns);
  if (!node.ok()) return node.status();
  if (Status s = write_all_series(change, *node); !s.ok()) return s;
  Written written;
  bool tells_unread = change.version.has_value();
  for (const RowEntry& row : change.rows) {
    const auto is_read = write_row(row, change.from, *node, seen_ns, written.counters);
    if (!is_read.ok()) return is_read.status();
    tells_unread = tells_unread || !*is_read;
  }
  for (const GapRow& gap : change.gaps) {
    if (Status s = write_gap(gap, *node, change.from, seen_ns); !s.ok()) return s;
  }
  for (const EventEntry& event : change.events) {
    if (Status s = write_event(event, *node, change.from, seen_ns); !s.ok()) return s;
  }
  if (Status s = write_node(*node, seen_ns); !s.ok()) return s;
  written.highest_seq = node->highest_seq;
  written.highest_crc32c = node->highest_crc32c;
  if (tells_unread) {
    auto unread = unread_->of(change.from.node);
    if (!unread.ok()) return unread.status();
    written.unread = *std::move(unread);
  }
  return written;
}

Result<ChangeWriter::Node> ChangeWriter::find_node(const Change& change, std::int64_t seen_ns) {
  if (change.version) {
    greet_node_.bind_text(0, change.from.node).bind_text(1, change.from.epoch);
    greet_node_.bind_text(2, *change.version).bind(3, seen_ns);
    if (Status s = greet_node_.run(); !s.ok()) return s;
  }
  const ResetOnExit reset{find_node_};
  find_node_.bind_text(0, change.from.node).bind_text(1, change.from.epoch);
  const auto found = find_node_.step();
  if (!found.ok()) return found.status();
  if (!*found) {
    return failed_precondition("node " + change.from.node + " epoch " + change.from.epoch +
                               " has not said Hello");
  }
  return Node{find_node_.column_i64(0),
              find_node_.column_i64(1),
              static_cast<std::uint32_t>(find_node_.column_i64(2)),
              find_node_.column_i64(3),
              find_node_.column_i64(4),
              find_node_.column_i64(5)};
}

// Past the bound, series are left out and the rows that use them stay unread: the others go on.
Status ChangeWriter::write_all_series(const Change& change, Node& node) {
  Status full;
  for (const SeriesEntry& entry : change.series) {
    Status status = write_series(entry, node);
    if (status.code() == StatusCode::resource_exhausted) {
      full = std::move(status);
    } else if (!status.ok()) {
      return status;
    }
  }
  if (!full.ok()) {
    log::warn("hub", "series left out, rows that use them stay unread",
              {{"node", change.from.node}, {"why", full.to_string()}});
  }
  return {};
}

Status ChangeWriter::write_series(const SeriesEntry& entry, Node& node) {
  const std::string definition = encode_series(entry.series);
  const ResetOnExit reset{find_series_};
  find_series_.bind(0, node.id).bind(1, std::int64_t{entry.id});
  const auto found = find_series_.step();
  if (!found.ok()) return found.status();
  if (*found) {
    if (find_series_.column_bytes(0) == definition) return {};
    return Status(StatusCode::aborted, "series " + std::to_string(entry.id) +
                                           " is already defined as " +
                                           std::string(find_series_.column_bytes(1)) +
                                           " and cannot become " + entry.series.to_string() +
                                           "; ids are permanent within an epoch, take a new epoch");
  }
  if (node.series >= kSeriesPerNodeMax) {
    return resource_exhausted("series " + std::to_string(entry.id) + ": the node already has " +
                              std::to_string(kSeriesPerNodeMax) + " series, the hub takes no more");
  }
  ++node.series;
  insert_series_.bind(0, node.id).bind(1, std::int64_t{entry.id});
  insert_series_.bind_text(2, entry.series.measurement).bind_text(3, entry.series.to_string());
  insert_series_.bind_blob(4, definition);
  return insert_series_.run();
}

// Blocks are decoded one at a time, here, so that memory holds one decoded block however many
// streams wait with full batches.
Result<bool> ChangeWriter::write_row(const RowEntry& row, const NodeKey& from, Node& node,
                                     std::int64_t seen_ns, RowCounters& counters) {
  const auto reading = read_block(row.block, node.id);
  if (!reading.ok()) return reading.status();
  const auto is_new = reading->block ? write_block(*reading->block, row.seq, from, node, counters)
                                     : keep_unread(row, reading->fault, from, node, seen_ns);
  if (!is_new.ok()) return is_new.status();
  ++counters.rows_received;
  counters.rows_repeated += *is_new ? 0 : 1;
  counters.bytes_received += row.block.size();
  if (row.seq > node.highest_seq) {
    node.highest_seq = row.seq;
    node.highest_crc32c = crc32c(row.block);
  }
  return reading->block.has_value();
}

Result<ChangeWriter::Reading> ChangeWriter::read_block(std::string_view bytes,
                                                       std::int64_t node_id) {
  auto block = decode_summary_block(bytes);
  if (!block.ok()) return Reading{{}, std::string(block.status().message())};
  if (!block->boot_id.empty()) {
    if (Status s = boot_times_->label(node_id, *block); !s.ok()) return s;
  }
  for (const DecodedPane& pane : block->panes) {
    const auto defined = is_defined(node_id, pane.series_id);
    if (!defined.ok()) return defined.status();
    if (*defined) continue;
    return Reading{{},
                   "series " + std::to_string(pane.series_id) +
                       " is not defined: its definition never came or was left out"};
  }
  return Reading{*std::move(block), {}};
}

Result<bool> ChangeWriter::write_block(const DecodedBlock& block, std::int64_t seq,
                                       const NodeKey& from, Node& node, RowCounters& counters) {
  if (block.correction) return boot_times_->correct(from.node, *block.correction);
  bool is_new = false;
  for (const DecodedPane& pane : block.panes) {
    const auto fate = write_pane(block, pane, node);
    if (!fate.ok()) return fate.status();
    is_new = is_new || *fate != Fate::ignored;
    if (*fate != Fate::conflicting) continue;
    ++counters.panes_conflicting;
    log::warn("hub", "pane sent again with other content; the first one is kept",
              {{"node", from.node},
               {"epoch", from.epoch},
               {"seq", seq},
               {"pipeline", block.pipeline},
               {"series_id", pane.series_id},
               {"start_ns", pane.start_ns},
               {"revision", pane.revision}});
  }
  return is_new;
}

Result<bool> ChangeWriter::keep_unread(const RowEntry& row, const std::string& fault,
                                       const NodeKey& from, Node& node, std::int64_t seen_ns) {
  const auto is_new = unread_->keep({0, node.id, row.seq, row.block, fault}, seen_ns);
  if (!is_new.ok() || !*is_new) return is_new;
  ++node.unread;
  log::warn("hub", "a row that cannot be read is kept as it is",
            {{"node", from.node}, {"epoch", from.epoch}, {"seq", row.seq}, {"why", fault}});
  return true;
}

Result<ChangeWriter::Again> ChangeWriter::read_again(std::int64_t after_id, int count_max) {
  Again again;
  for (int i = 0; i < count_max; ++i) {
    auto row = unread_->next(after_id);
    if (!row.ok()) return row.status();
    if (!*row) return again;
    after_id = (*row)->id;
    const auto read = read_again(**row);
    if (!read.ok()) return read.status();
    ++(*read ? again.read : again.unread);
  }
  again.last_id = after_id;
  return again;
}

Result<bool> ChangeWriter::read_again(const UnreadTable::Row& row) {
  const auto reading = read_block(row.block, row.node_id);
  if (!reading.ok()) return reading.status();
  if (!reading->block) {
    if (reading->fault == row.text) return false;
    if (Status s = unread_->explain(row.id, reading->fault); !s.ok()) return s;
    return false;
  }
  Node node;
  node.id = row.node_id;
  NodeKey from;
  {
    const ResetOnExit reset{get_node_};
    get_node_.bind(0, row.node_id);
    const auto found = get_node_.step();
    if (!found.ok()) return found.status();
    from = {std::string(get_node_.column_bytes(0)), std::string(get_node_.column_bytes(1))};
    node.panes = get_node_.column_i64(2);
    node.unread = get_node_.column_i64(3);
  }
  RowCounters counters;
  const auto is_new = write_block(*reading->block, row.seq, from, node, counters);
  if (!is_new.ok()) return is_new.status();
  if (Status s = unread_->remove(row.id); !s.ok()) return s;
  count_node_.bind(0, node.panes).bind(1, node.unread - 1).bind(2, node.id);
  if (Status s = count_node_.run(); !s.ok()) return s;
  return true;
}

Status ChangeWriter::write_gap(const GapRow& row, const Node& node, const NodeKey& from,
                               std::int64_t seen_ns) {
  const auto node_id = node_of(row.epoch, node, from, seen_ns);
  if (!node_id.ok()) return node_id.status();
  insert_gap_.bind(0, *node_id).bind(1, row.seq);
  insert_gap_.bind(2, static_cast<std::int64_t>(row.gap.kind));
  insert_gap_.bind_text(3, row.gap.owner).bind_text(4, row.gap.cause);
  insert_gap_.bind(5, row.gap.from_ns).bind(6, row.gap.to_ns);
  insert_gap_.bind(7, static_cast<std::int64_t>(row.gap.count)).bind(8, seen_ns);
  return insert_gap_.run();
}

Status ChangeWriter::write_event(const EventEntry& entry, const Node& node, const NodeKey& from,
                                 std::int64_t seen_ns) {
  const auto node_id = node_of(entry.row.epoch, node, from, seen_ns);
  if (!node_id.ok()) return node_id.status();
  const auto offset_ns = boot_times_->offset_of(*node_id, entry.row.told.boot_id);
  if (!offset_ns.ok()) return offset_ns.status();
  return events_->keep({*node_id, node.id}, entry, *offset_ns, seen_ns).status();
}

Result<std::int64_t> ChangeWriter::node_of(const std::string& epoch, const Node& node,
                                           const NodeKey& from, std::int64_t seen_ns) {
  if (epoch == from.epoch) return node.id;
  return find_epoch(epoch, from, seen_ns);
}

// A gap or an event of an epoch that ended before it could say Hello makes that epoch known.
Result<std::int64_t> ChangeWriter::find_epoch(const std::string& epoch, const NodeKey& from,
                                              std::int64_t seen_ns) {
  Change greeting{{from.node, epoch}, std::nullopt, {}, {}};
  auto known = find_node(greeting, seen_ns);
  if (!known.ok() && known.status().code() == StatusCode::failed_precondition) {
    greeting.version = "";
    known = find_node(greeting, seen_ns);
  }
  if (!known.ok()) return known.status();
  return known->id;
}

/// A session has other bounds in each life of a database, so their panes have other keys. That
/// which ended with its epoch holds what both had when they parted, and no more: it counts for
/// nothing where the other life has told of a session that overlaps it. True when this pane does
/// so.
Result<bool> ChangeWriter::gives_way_to_other_life(const DecodedBlock& block,
                                                   const DecodedPane& pane, std::int64_t node_id) {
  const bool provisional =
      pane.quality == PaneQuality::early || pane.quality == PaneQuality::retracted;
  if (pane.kind != WindowKind::session || provisional) return false;
  const bool ended = pane.quality == PaneQuality::partial_epoch;
  Statement& statement = ended ? has_other_life_ : retract_other_life_;
  const ResetOnExit reset{statement};
  statement.bind(0, node_id).bind(1, std::int64_t{pane.series_id});
  statement.bind(2, pane.first_time_ns).bind(3, pane.last_time_ns);
  statement.bind_text(4, block.pipeline).bind(5, static_cast<std::int64_t>(block.spec_hash));
  statement.bind(6, pane.start_ns).bind(7, pane.end_ns);
  return statement.step();
}

Result<ChangeWriter::Fate> ChangeWriter::write_pane(const DecodedBlock& block,
                                                    const DecodedPane& pane, Node& node) {
  const auto other_life = gives_way_to_other_life(block, pane, node.id);
  if (!other_life.ok()) return other_life.status();
  if (*other_life) return Fate::ignored;
  const ResetOnExit reset{find_pane_};
  bind_key(find_pane_, 0, node.id, block, pane);
  const auto found = find_pane_.step();
  if (!found.ok()) return found.status();
  if (!*found) {
    ++node.panes;
    if (Status s = insert_pane(block, pane, node.id); !s.ok()) return s;
    return Fate::stored;
  }
  const std::int64_t kept_revision = find_pane_.column_i64(1);
  if (pane.revision < kept_revision) return Fate::ignored;
  if (pane.revision == kept_revision && !gives_way(find_pane_, pane)) {
    const bool lesser = pane.quality == PaneQuality::partial_epoch &&
                        static_cast<std::int64_t>(pane.count) <= find_pane_.column_i64(3);
    return lesser || row_equals(find_pane_, pane) ? Fate::ignored : Fate::conflicting;
  }
  if (Status s = update_pane(find_pane_.column_i64(0), pane); !s.ok()) return s;
  return Fate::stored;
}

Status ChangeWriter::insert_pane(const DecodedBlock& block, const DecodedPane& pane,
                                 std::int64_t node_id) {
  bind_content(insert_pane_, pane);
  bind_key(insert_pane_, kContentColumns, node_id, block, pane);
  insert_pane_.bind_text(kContentColumns + kKeyColumns, block.boot_id);
  return insert_pane_.run();
}

Status ChangeWriter::update_pane(std::int64_t pane_id, const DecodedPane& pane) {
  bind_content(update_pane_, pane);
  update_pane_.bind(kContentColumns, pane_id);
  return update_pane_.run();
}

Result<bool> ChangeWriter::is_defined(std::int64_t node_id, std::uint32_t series_id) {
  const ResetOnExit reset{find_series_};
  find_series_.bind(0, node_id).bind(1, std::int64_t{series_id});
  return find_series_.step();
}

Status ChangeWriter::write_node(const Node& node, std::int64_t seen_ns) {
  write_node_.bind(0, seen_ns).bind(1, node.highest_seq);
  write_node_.bind(2, std::int64_t{node.highest_crc32c});
  write_node_.bind(3, node.series).bind(4, node.panes).bind(5, node.unread).bind(6, node.id);
  return write_node_.run();
}

}  // namespace sluice::hub
