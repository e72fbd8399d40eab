#include <random>

#include "rig.h"

namespace sluice {
namespace {

// Of everything some: states that grow and shrink, readings that fail after they changed them.
constexpr const char* kScript =
    R"({"script":")"
    "function on_reading(r) "
    "  if type(r.value) == 'boolean' then return drop('not_wanted') end "
    "  local s = r.state "
    "  s.count, s.last = (s.count or 0) + 1, {value = r.value, time_ns = r.time_ns} "
    "  table.insert(s, r.value) "
    "  if #s > 7 then table.remove(s, 1) end "
    "  for i = 1, 3 do shared['k' .. s.count * i % 29] = r.value end "
    "  local sum = 0.0 "
    "  for _, v in pairs(shared) do sum = sum / 2 + v end "
    "  emit('sum', sum) "
    "  if s.count % 11 == 0 then error('eleven') end "
    "  if s.count % 13 == 0 then r.state = nil end "
    "  if sum > 30 then event{name = 'high', message = 'High.', attributes = {sum = sum}} end "
    "  if r.value < 3 then return drop('out_of_range') end "
    "  return r.value + #s "
    "end "
    R"("})";

class Replay : public Rig {
 protected:
  ReadingBatch random_batch(std::mt19937& random, std::int64_t& now_ns) {
    const Value kSpecial[] = {Value::of(std::int64_t{-3}), Value::of(std::uint64_t{UINT64_MAX}),
                              Value::of(true), Value::of(1e300), Value::of(-999.0)};
    ReadingBatch in;
    for (unsigned i = random() % 12 + 1; i > 0; --i) {
      now_ns += static_cast<std::int64_t>(random() % 2'000'000'000) - 50'000'000;
      Reading r;
      r.series = ids_[random() % ids_.size()];
      r.topic = random() % 4 + 1;
      r.event_time_ns = now_ns;
      r.value = random() % 15 == 0 ? kSpecial[random() % std::size(kSpecial)]
                                   : Value::of(static_cast<double>(random() % 400) / 10);
      r.quality = random() % 10 == 0 ? Quality::uncertain : Quality::good;
      in.append(r);
    }
    return in;
  }

  std::vector<SeriesId> ids_ = {series_, table_.intern({"pressure", "", {}}),
                                table_.intern({"temperature", "Cel", {{"room", "b"}}}),
                                table_.intern({"speed", "m/s", {}})};
};

void expect_same(const StageOutput& a, const StageOutput& b) {
  EXPECT_EQ(a.verdicts, b.verdicts);
  ASSERT_EQ(a.drops.size(), b.drops.size());
  for (std::size_t i = 0; i < a.drops.size(); ++i) {
    EXPECT_EQ(a.drops[i].row, b.drops[i].row);
    EXPECT_EQ(a.drops[i].rule, b.drops[i].rule);
  }
  EXPECT_EQ(a.altered, b.altered);
  EXPECT_EQ(a.derived, b.derived);
  EXPECT_EQ(a.events, b.events);
  EXPECT_EQ(a.settled, b.settled);
  EXPECT_EQ(a.settled_passed, b.settled_passed);
  EXPECT_EQ(a.settled_dropped, b.settled_dropped);
}

// One stage lives through; the other is thrown away after every k-th batch and comes back from its
// snapshot. Nothing may differ, down to the bytes of the last snapshot.
TEST_F(Replay, ASnapshotTakenAnywhereChangesNothing) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  const std::pair<const char*, const char*> kStages[] = {
      {"range", R"({"min":0,"max":35,"max_rate":5,"sentinels":[-999]})"},
      {"range", R"({"max_rate":2,"action":"flag"})"},
      {"deadband", R"({"absolute":3,"max_interval_s":20})"},
      {"deadband", R"({"percent":20,"absolute":0.5,"keep_previous":true,"max_interval_s":30})"},
      {"swinging_door", R"({"comp_dev":15,"comp_max_s":20})"},
      {"swinging_door", R"({"comp_dev_percent":50,"comp_dev":5,"comp_min_s":2})"},
      {"anomaly", R"({"alpha":0.1,"warm_up":5,"threshold":2,"hold_off_s":3})"},
      {"anomaly", R"({"half_life_s":20,"warm_up":5,"threshold":1,"emit_bounds":true})"},
      {"alert", R"({"when":"value > 20","clear_when":"value < 10","for_s":3,"hold_off_s":5})"},
      {"alert", R"({"when":"rate > 1","keep_firing_for_s":4,"no_data_after_s":6})"},
      {"scale", R"({"from":"Cel","to":"[degF]"})"},
      {"scale", R"({"factor":1e10,"offset":1,"unit":"x"})"},
      {"script", kScript},
  };
  for (const auto& [plugin, config] : kStages) {
    for (const int k : {1, 2, 7}) {
      SCOPED_TRACE(::testing::Message() << plugin << config << " k " << k);
      const auto whole = make(plugin, config);
      auto broken = make(plugin, config);
      std::int64_t now_ns = 1'700'000'000'000'000'000;
      for (int b = 0; b < 150; ++b) {
        const ReadingBatch in = random_batch(random, now_ns);
        expect_same(run(*whole, in), run(*broken, in));
        StageOutput whole_timed;
        StageOutput broken_timed;
        const std::int64_t watermark_ns =
            now_ns - static_cast<std::int64_t>(random() % 9) * 1'000'000'000;
        EXPECT_TRUE(whole->on_time(watermark_ns, whole_timed).ok());
        EXPECT_TRUE(broken->on_time(watermark_ns, broken_timed).ok());
        expect_same(whole_timed, broken_timed);
        if (HasFailure()) return;
        if (b % k != 0) continue;
        const auto snapshot = broken->snapshot();
        ASSERT_TRUE(snapshot.ok()) << snapshot.status().to_string();
        broken = make(plugin, config);
        const Status status = broken->restore(*snapshot);
        ASSERT_TRUE(status.ok()) << status.to_string();
      }
      EXPECT_EQ(*whole->snapshot(), *broken->snapshot());
    }
  }
}

TEST_F(Replay, ADamagedSnapshotIsRefusedOrHarmless) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  for (const auto& [plugin, config] :
       {std::pair{"range", R"({"max_rate":2})"},
        std::pair{"deadband", R"({"absolute":3,"keep_previous":true})"},
        std::pair{"swinging_door", R"({"comp_dev":15,"comp_max_s":20})"},
        std::pair{"alert", R"({"when":"value > 20","for_s":3,"no_data_after_s":6})"},
        std::pair{"anomaly", R"({"alpha":0.1,"warm_up":5,"threshold":2})"},
        std::pair{"script", kScript}}) {
    const auto stage = make(plugin, config);
    std::int64_t now_ns = 1'700'000'000'000'000'000;
    for (int b = 0; b < 20; ++b) run(*stage, random_batch(random, now_ns));
    const std::string bytes = *stage->snapshot();
    for (std::size_t size = 0; size < bytes.size(); size += random() % 5 + 1) {
      EXPECT_FALSE(make(plugin, config)->restore(bytes.substr(0, size)).ok()) << size;
    }
    for (int i = 0; i < 150; ++i) {
      std::string flipped = bytes;
      const std::size_t bit = random() % (bytes.size() * 8);
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
      const auto other = make(plugin, config);
      if (!other->restore(flipped).ok()) continue;
      // A wrong token may fail the call, but cleanly and without inventing a reading.
      StageOutput out;
      const ReadingBatch in = random_batch(random, now_ns);
      const Status status = other->process(in, out);
      if (status.ok()) {
        EXPECT_EQ(out.verdicts.size(), in.size());
      } else {
        EXPECT_EQ(status.code(), StatusCode::internal);
        EXPECT_TRUE(out.verdicts.empty());
      }
    }
  }
}

}  // namespace
}  // namespace sluice
