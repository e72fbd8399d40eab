#include "store/segment_codec.h"

#include "base/bytes.h"
#include "store/batch_codec.h"

namespace sluice {
namespace {

constexpr std::uint8_t kFormat = 2;
/// Its fingerprints were one hash over all, the packet id too: they are passed over.
constexpr std::uint8_t kFormatOneHash = 1;
// Stored: never change a number.
enum class Tag : std::uint8_t {
  start = 1,
  connected = 2,
  batch = 3,
  tick = 4,
  subscribed = 5,
  broker_drops = 6,
  disconnected = 7,
  clock = 8,
  calls = 9
};

/// Stamps of one segment lie close together: each goes as the difference to the one before.
class EntryWriter {
 public:
  explicit EntryWriter(ByteWriter& out) : out_(out) {}

  void operator()(const StartEntry& entry) { begin(Tag::start, entry.boottime_ns); }
  void operator()(const TickEntry& entry) { begin(Tag::tick, entry.boottime_ns); }
  void operator()(const ConnectedEntry& entry) {
    begin(Tag::connected, entry.boottime_ns);
    out_.u64(entry.source);
    out_.u8(entry.session_present ? 1 : 0);
    wall(entry.boottime_ns, entry.wall_ns);
  }
  void operator()(const DisconnectedEntry& entry) {
    begin(Tag::disconnected, entry.boottime_ns);
    out_.u64(entry.source);
  }
  void operator()(const SubscribedEntry& entry) {
    begin(Tag::subscribed, entry.boottime_ns);
    out_.u64(entry.source);
    out_.u64(entry.filters.size());
    for (const TopicFilter& filter : entry.filters) {
      out_.string(filter.filter);
      out_.u8(filter.qos);
    }
  }
  void operator()(const BrokerDropsEntry& entry) {
    begin(Tag::broker_drops, entry.boottime_ns);
    out_.u64(entry.source);
    out_.u64(entry.dropped);
    wall(entry.boottime_ns, entry.wall_ns);
  }
  void operator()(const ClockEntry& entry) {
    begin(Tag::clock, entry.boottime_ns);
    out_.string(entry.boot_id);
    out_.u8(static_cast<std::uint8_t>(entry.time.quality));
    out_.i64(entry.time.offset_ns);
    out_.i64(entry.time.error_ns);
    out_.u8(entry.in_boot_time ? 1 : 0);
    out_.i64(entry.least_ns);
  }
  void operator()(const CallsEntry& entry) {
    begin(Tag::calls, entry.boottime_ns);
    out_.string(entry.pipeline);
    out_.u64(entry.calls.size());
    for (const StageCall& call : entry.calls) {
      out_.u64(call.stage);
      out_.string(call.record);
    }
  }
  void operator()(const BatchEntry& entry) {
    begin(Tag::batch, entry.boottime_ns);
    wall(entry.boottime_ns, entry.wall_ns);
    out_.u64(entry.fingerprints.size());
    // Two bytes and the hash each, where one source's ids rise.
    std::int64_t id_before = 0;
    for (const Fingerprint& print : entry.fingerprints) {
      out_.u64(std::uint64_t{print.source} << 1 | (print.dup ? 1 : 0));
      out_.i64(print.packet_id - id_before);
      out_.fixed48(print.hash);
      id_before = print.packet_id;
    }
    storage::encode_batch(out_, entry.readings);
  }

 private:
  void begin(Tag tag, std::int64_t boottime_ns) {
    const auto now = static_cast<std::uint64_t>(boottime_ns);
    out_.u8(static_cast<std::uint8_t>(tag));
    out_.i64(static_cast<std::int64_t>(now - boottime_before_));
    boottime_before_ = now;
  }
  /// The two clocks run alike: the change of their distance is small.
  void wall(std::int64_t boottime_ns, std::int64_t wall_ns) {
    const std::uint64_t ahead =
        static_cast<std::uint64_t>(wall_ns) - static_cast<std::uint64_t>(boottime_ns);
    out_.i64(static_cast<std::int64_t>(ahead - wall_ahead_));
    wall_ahead_ = ahead;
  }

  ByteWriter& out_;
  std::uint64_t boottime_before_ = 0;
  std::uint64_t wall_ahead_ = 0;
};

bool read_source(ByteReader& in, std::uint32_t& source) {
  const std::uint64_t v = in.u64();
  source = static_cast<std::uint32_t>(v);
  return v <= UINT32_MAX;
}

bool read_fingerprints(ByteReader& in, std::vector<Fingerprint>& prints) {
  std::int64_t id = 0;
  for (std::size_t n = in.count(); n > 0 && in.ok(); --n) {
    const std::uint64_t head = in.u64();
    const std::int64_t step = in.i64();
    if (head >> 1 > UINT32_MAX || step < -UINT16_MAX || step > UINT16_MAX) return false;
    id += step;
    if (id < 0 || id > UINT16_MAX) return false;
    prints.push_back({static_cast<std::uint32_t>(head >> 1), static_cast<std::uint16_t>(id),
                      (head & 1) != 0, in.fixed48()});
  }
  return true;
}

bool skip_fingerprints(ByteReader& in) {
  std::uint32_t source = 0;
  for (std::size_t n = in.count(); n > 0 && in.ok(); --n) {
    if (!read_source(in, source)) return false;
    in.fixed64();
  }
  return true;
}

/// What an entry reads on: the stamps of the entries before it.
struct Stamps {
  std::uint8_t format;
  std::uint64_t boottime = 0;
  std::uint64_t wall_ahead = 0;

  std::int64_t boottime_ns(ByteReader& in) {
    boottime += static_cast<std::uint64_t>(in.i64());
    return static_cast<std::int64_t>(boottime);
  }
  /// Format 1 had none.
  std::int64_t wall_ns(ByteReader& in) {
    if (format == kFormatOneHash) return 0;
    wall_ahead += static_cast<std::uint64_t>(in.i64());
    return static_cast<std::int64_t>(boottime + wall_ahead);
  }
};

Result<LogEntry> read_batch(ByteReader& in, Stamps& stamps, std::int64_t boottime_ns) {
  BatchEntry entry;
  entry.boottime_ns = boottime_ns;
  entry.wall_ns = stamps.wall_ns(in);
  const bool read = stamps.format == kFormatOneHash ? skip_fingerprints(in)
                                                    : read_fingerprints(in, entry.fingerprints);
  if (!read) return data_loss("malformed fingerprint in a segment");
  auto readings = storage::decode_batch(in);
  if (!readings.ok()) return readings.status();
  entry.readings = *std::move(readings);
  return LogEntry(std::move(entry));
}

Result<LogEntry> read_connected(ByteReader& in, Stamps& stamps, std::int64_t boottime_ns) {
  ConnectedEntry entry;
  entry.boottime_ns = boottime_ns;
  const bool read = read_source(in, entry.source);
  const std::uint8_t present = in.u8();
  if (!read || present > 1) return data_loss("malformed connection in a segment");
  entry.session_present = present == 1;
  entry.wall_ns = stamps.wall_ns(in);
  return LogEntry(entry);
}

Result<LogEntry> read_disconnected(ByteReader& in, std::int64_t boottime_ns) {
  DisconnectedEntry entry;
  entry.boottime_ns = boottime_ns;
  if (!read_source(in, entry.source)) return data_loss("malformed connection in a segment");
  return LogEntry(entry);
}

Result<LogEntry> read_subscribed(ByteReader& in, std::int64_t boottime_ns) {
  SubscribedEntry entry;
  entry.boottime_ns = boottime_ns;
  if (!read_source(in, entry.source)) return data_loss("malformed subscription in a segment");
  for (std::size_t n = in.count(); n > 0 && in.ok(); --n) {
    std::string filter(in.string());
    entry.filters.push_back({std::move(filter), in.u8()});
  }
  return LogEntry(std::move(entry));
}

Result<LogEntry> read_broker_drops(ByteReader& in, Stamps& stamps, std::int64_t boottime_ns) {
  BrokerDropsEntry entry;
  entry.boottime_ns = boottime_ns;
  if (!read_source(in, entry.source)) return data_loss("malformed drop counter in a segment");
  entry.dropped = in.u64();
  entry.wall_ns = stamps.wall_ns(in);
  return LogEntry(entry);
}

Result<LogEntry> read_clock(ByteReader& in, std::int64_t boottime_ns) {
  ClockEntry entry;
  entry.boottime_ns = boottime_ns;
  entry.boot_id = in.string();
  const std::uint8_t quality = in.u8();
  entry.time.offset_ns = in.i64();
  entry.time.error_ns = in.i64();
  const std::uint8_t in_boot_time = in.u8();
  entry.least_ns = in.i64();
  if (quality > 2 || in_boot_time > 1) return data_loss("malformed clock in a segment");
  entry.time.quality = static_cast<ClockQuality>(quality);
  entry.in_boot_time = in_boot_time == 1;
  return LogEntry(std::move(entry));
}

Result<LogEntry> read_calls(ByteReader& in, std::int64_t boottime_ns) {
  CallsEntry entry;
  entry.boottime_ns = boottime_ns;
  entry.pipeline = in.string();
  for (std::size_t n = in.count(); n > 0 && in.ok(); --n) {
    const std::uint64_t stage = in.u64();
    if (stage > UINT32_MAX) return data_loss("malformed stage call in a segment");
    entry.calls.push_back({static_cast<std::uint32_t>(stage), std::string(in.string())});
  }
  return LogEntry(std::move(entry));
}

Result<LogEntry> read_entry(ByteReader& in, Stamps& stamps) {
  const auto tag = static_cast<Tag>(in.u8());
  const std::int64_t boottime_ns = stamps.boottime_ns(in);
  switch (tag) {
    case Tag::start: return LogEntry(StartEntry{boottime_ns});
    case Tag::tick: return LogEntry(TickEntry{boottime_ns});
    case Tag::batch: return read_batch(in, stamps, boottime_ns);
    case Tag::connected: return read_connected(in, stamps, boottime_ns);
    case Tag::subscribed: return read_subscribed(in, boottime_ns);
    case Tag::broker_drops: return read_broker_drops(in, stamps, boottime_ns);
    case Tag::disconnected: return read_disconnected(in, boottime_ns);
    case Tag::clock: return read_clock(in, boottime_ns);
    case Tag::calls: return read_calls(in, boottime_ns);
  }
  return data_loss("malformed entry in a segment");
}

}  // namespace

std::string encode_segment(std::span<const LogEntry> entries, const Ledger& ledger) {
  ByteWriter out;
  out.u8(kFormat);
  out.string(ledger.empty() ? std::string() : ledger.encode());
  out.u64(entries.size());
  EntryWriter writer(out);
  for (const LogEntry& entry : entries) std::visit(writer, entry);
  return out.take();
}

std::string encode_segment(const Segment& segment) {
  return encode_segment(segment.entries, segment.ledger);
}

Result<Segment> decode_segment(std::string_view bytes) {
  ByteReader in(bytes);
  const std::uint8_t format = in.u8();
  if (format != kFormat && format != kFormatOneHash) {
    return data_loss("a segment of an unknown format");
  }
  Segment segment;
  if (const auto ledger_bytes = in.string(); !ledger_bytes.empty()) {
    auto ledger = Ledger::decode(ledger_bytes);
    if (!ledger.ok()) return ledger.status();
    segment.ledger = *std::move(ledger);
  }
  Stamps stamps{format};
  for (std::size_t n = in.count(); n > 0 && in.ok(); --n) {
    auto entry = read_entry(in, stamps);
    if (!entry.ok()) return entry.status();
    segment.entries.push_back(*std::move(entry));
  }
  if (!in.at_end()) return data_loss("malformed segment");
  return segment;
}

}  // namespace sluice
