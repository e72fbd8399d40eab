#include "hub/event_table.h"

#include <gtest/gtest.h>

#include "hub/hub_schema.h"
#include "model/boot_time.h"
#include "unit/hub/hub_samples.h"

namespace sluice::hub {
namespace {

class EventTableTest : public testing::Test {
 protected:
  void SetUp() override {
    auto database = Database::open(dir_.file("hub.db"), Database::Mode::read_write);
    ASSERT_TRUE(database.ok());
    database_ = std::make_unique<Database>(std::move(*database));
    ASSERT_TRUE(prepare_hub_schema(*database_).ok());
    ASSERT_TRUE(database_
                    ->run("INSERT INTO node (id, node, epoch, version, last_seen_ns)"
                          " VALUES (1, 'a', 'x', '', 1), (2, 'a', 'y', '', 1)")
                    .ok());
    auto table = EventTable::create(*database_);
    ASSERT_TRUE(table.ok()) << table.status().to_string();
    table_ = std::make_unique<EventTable>(std::move(*table));
  }
  bool keep(const EventEntry& entry, std::int64_t node_id = 1) {
    const auto kept = table_->keep({node_id, 1}, entry, 0, 5);
    EXPECT_TRUE(kept.ok()) << kept.status().to_string();
    return kept.ok() && *kept;
  }

  TempDir dir_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<EventTable> table_;
};

// Whatever part of it differs, it is another event; what differs not is the same.
TEST_F(EventTableTest, AnEventIsItsNumberAndAllOfItsContent) {
  const auto changed = [](auto change) {
    EventEntry entry = sample_event(1);
    change(entry, entry.row.told, entry.row.told.event);
    return entry;
  };
  const EventEntry all[] = {
      sample_event(1),
      sample_event(2),
      changed([](auto&, auto& told, auto&) { told.pipeline = "p"; }),
      changed([](auto&, auto& told, auto&) { told.stage = "s"; }),
      changed([](auto&, auto& told, auto&) { told.boot_id = "b"; }),
      changed([](auto&, auto&, auto& event) { event.series = 9; }),
      changed([](auto&, auto&, auto& event) { event.topic = kBootTopic; }),
      changed([](auto&, auto&, auto& event) { ++event.event_time_ns; }),
      changed([](auto&, auto&, auto& event) { event.severity = Severity::fatal; }),
      changed([](auto&, auto&, auto& event) { event.phase = EventPhase::end; }),
      changed([](auto&, auto&, auto& event) { event.name = "n"; }),
      changed([](auto&, auto&, auto& event) { event.message = "m"; }),
      changed([](auto&, auto&, auto& event) { event.attributes.clear(); }),
      changed([](auto& entry, auto&, auto&) { entry.source = "s"; }),
      changed([](auto& entry, auto&, auto&) { entry.topic = "t"; }),
  };
  for (const EventEntry& entry : all) EXPECT_TRUE(keep(entry));
  for (const EventEntry& entry : all) EXPECT_FALSE(keep(entry));
  EXPECT_TRUE(keep(sample_event(1), 2)) << "another epoch";
  EXPECT_EQ(*database_->read_i64("SELECT count(*) FROM event"), 16);
}

TEST(EventAttributes, ComeBackAsTheyWereAndDamageEndsThem) {
  const Attributes attributes = {{"limit", "80"}, {"empty", ""}};
  const std::string bytes = encode_attributes(attributes);
  EXPECT_EQ(decode_attributes(bytes), attributes);
  EXPECT_TRUE(decode_attributes("").empty());
  EXPECT_EQ(decode_attributes(bytes.substr(0, bytes.size() - 1)).size(), 1u);
}

}  // namespace
}  // namespace sluice::hub
