#include "fault/cloud_sim.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/assert.h"
#include "fakes/sensor_panes.h"
#include "model/boot_time.h"
#include "sluice/v1/summary.pb.h"

namespace sluice::fault {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kMinute = 60 * kSecond;
constexpr std::int64_t kBase = 29'000'000 * kMinute;
constexpr char kEpoch[] = "0123456789abcdef0123456789abcdef";
constexpr SeriesId kSeries = 3;
constexpr int kStepsAfterFaults = 20'000;

Pane random_pane(std::mt19937_64& random) {
  std::uniform_int_distribution<int> few(0, 5);
  std::uniform_real_distribution<double> value(-10, 40);
  Pane pane;
  pane.window.key = 1 + static_cast<SeriesId>(random() % kSeries);
  pane.window.start_ns = kBase + few(random) * kMinute;
  pane.window.end_ns = pane.window.start_ns + kMinute;
  std::vector<std::pair<std::int64_t, double>> readings;
  for (int i = few(random); i >= 0; --i) {
    readings.emplace_back(pane.window.start_ns + few(random) * kSecond, value(random));
  }
  std::sort(readings.begin(), readings.end());
  pane.content = content_of(readings);
  return pane;
}

}  // namespace

CloudSim::CloudSim(hub::HubStore& store, std::string node, std::uint64_t seed)
    : node_(std::move(node)),
      random_(seed),
      gaps_(kEpoch),
      events_(kEpoch),
      series_(16),
      context_{options_, callbacks_, outbox_, series_, topics_, clock_, stats_},
      network_(store, clock_, random_) {
  for (SeriesId id = 1; id <= kSeries; ++id) {
    series_.restore({"temperature", "Cel", {{"room", std::to_string(id)}}});
  }
  options_.hub = "sim";
  options_.unacked_bytes_max = 200 + pick(2000);
  outbox_.set_identity({node_, kEpoch});
  options_.instance = "1";
  callbacks_.gaps = &gaps_;
  callbacks_.events = &events_;
  callbacks_.next_seq = [this] { return outbox_.next_seq(); };
  rows_left_ = 1 + static_cast<int>(pick(12));
}

bool CloudSim::run() {
  while (rows_left_ > 0 || chance(0.98)) {
    step();
    if (chance(0.06)) fault();
  }
  faulty_ = false;
  gaps_.failing_acks = 0;
  for (int i = 0; i < kStepsAfterFaults; ++i) {
    const bool rows_acked = outbox_.wait_all_acked(std::chrono::seconds(0));
    if (rows_acked && gaps_.empty() && events_.empty()) return true;
    step();
  }
  return false;
}

void CloudSim::step() {
  switch (pick(5)) {
    case 0:
      if (chance(0.3)) return lose();
      if (chance(0.4)) return tell();
      return chance(0.2) ? produce_unreadable() : produce();
    case 1: events_.commit(); return outbox_.commit();
    case 2: return clock_.advance(static_cast<std::int64_t>(pick(faulty_ ? 20 : 2)) * kSecond);
    default:
      if (network_.dialled()) {
        network_.step();
      } else {
        network_.dial(
            std::make_unique<UplinkSession>(context_, UplinkTurn{*outbox_.identity()}, acked_seq_));
      }
  }
}

void CloudSim::fault() {
  switch (pick(5)) {
    case 0: network_.hang_up(); return;
    case 1: return node_crashes();
    case 2: return network_.hub_dies();
    case 3: return network_.repeat_or_swap_answers();
    default: return network_.lose_newest_answer();
  }
}

/// A row of some panes; a window that was there before comes again as the next revision.
void CloudSim::produce() {
  if (rows_left_ == 0) return;
  --rows_left_;
  SummaryBlock block{"room", 7, {}};
  for (std::size_t i = 1 + pick(4); i > 0; --i) {
    Pane pane = random_pane(random_);
    const auto key = std::pair(pane.window.key, pane.window.start_ns);
    const auto twice = [&](const Pane& other) { return other.window == pane.window; };
    if (std::any_of(block.panes.begin(), block.panes.end(), twice)) continue;
    if (const auto known = expected_.find(key); known != expected_.end()) {
      pane.revision = known->second.revision + 1;
    }
    expected_[key] = pane;
    block.panes.push_back(pane);
  }
  outbox_.append(encoder_.encode(block));
  if (UplinkSession* session = network_.session()) session->on_outbox_grew();
}

/// Damaged in a field, of a series that is not defined, cut short, or no block at all.
void CloudSim::produce_unreadable() {
  if (rows_left_ == 0) return;
  --rows_left_;
  v1::SummaryBlock block;
  SLUICE_ASSERT(block.ParseFromString(encoder_.encode({"room", 7, {random_pane(random_)}})));
  const std::size_t kind = pick(4);
  if (kind == 0) block.set_count(0, 0);
  if (kind == 1) block.set_series_id(0, kSeries + 1);
  std::string bytes = kind == 3 ? "\xff no block" : block.SerializeAsString();
  if (kind == 2) {
    // Cut where an older release's block ends it would be one, and be read.
    block.clear_largest_gap();
    block.clear_time_integral();
    bytes.resize(pick(block.ByteSizeLong()));
  }
  unreadable_.insert(outbox_.append(std::move(bytes)));
  if (UplinkSession* session = network_.session()) session->on_outbox_grew();
}

/// Few, and none after the faults: the next batch of them waits for some seconds.
void CloudSim::lose() {
  if (!faulty_ || chance(0.5)) return;
  gaps_.append({LedgerKind::readings, "room", "parked", 0, clock_.wall_ns(), 1 + pick(5)});
  gaps_.failing_acks = chance(0.2) ? 1 : 0;
  if (UplinkSession* session = network_.session()) session->on_outbox_grew();
}

/// Of a series that may not be defined by now, or of none; of this boot or of another.
void CloudSim::tell() {
  if (!faulty_) return;
  for (std::size_t i = chance(0.02) ? 300 : 1 + pick(3); i > 0; --i) {
    ToldEvent told;
    told.pipeline = "room";
    told.stage = "alert";
    told.event.series = static_cast<SeriesId>(pick(kSeries + 1));
    told.event.topic = chance(0.2) ? kBootTopic : 0;
    told.event.event_time_ns = kBase + static_cast<std::int64_t>(pick(1'000));
    told.event.severity = Severity::warn;
    told.event.name = "hot";
    told.event.message = "number " + std::to_string(events_.history().size());
    events_.append(std::move(told));
  }
  events_.failing_reads = chance(0.1) ? 1 : 0;
  if (UplinkSession* session = network_.session()) session->on_outbox_grew();
}

void CloudSim::node_crashes() {
  network_.hang_up();
  outbox_.crash();
  events_.kill();
  acked_seq_ = 0;
  options_.instance = std::to_string(random_());
}

}  // namespace sluice::fault
