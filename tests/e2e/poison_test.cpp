#include <gtest/gtest.h>

#include <map>
#include <string>

#include "e2e/site.h"

namespace sluice::e2e {
namespace {

struct Poison {
  std::string payload;
  std::string reason;
};

std::vector<Poison> poisons() {
  const std::string deep = std::string(10'000, '[') + std::string(10'000, ']');
  return {
      {"", "empty"},
      {"not json", "not_json"},
      {"{\"t\":1,\"v\":NaN}", "not_json"},
      {"{\"t\":1,\"v\":1e999}", "number_range"},
      {"{\"t\":1,\"v\":1", "not_json"},
      {"{\"t\":1,\"v\":1}x", "not_json"},
      {"{\"t\":1,\"v\":\"\xff\xfe\"}", "not_json"},
      {deep, "too_deep"},
      {"{\"t\":1,\"v\":1,\"v\":2}", "duplicate_key"},
      {"{\"t\":1,\"v\":\"warm\"}", "wrong_type"},
      {"{\"t\":1,\"v\":[1]}", "wrong_type"},
      {"{\"t\":\"yesterday\",\"v\":1}", "bad_time"},
      {"{\"t\":-5,\"v\":1}", "bad_time"},
      {"{\"t\":9223372036,\"v\":1}", "bad_time"},  // its window would end after int64 does
      {"{\"v\":1}", "missing_time"},
      {"{\"t\":1}", "no_readings"},
      {"{\"t\":1,\"v\":1,\"pad\":\"" + std::string(300'000, 'x') + "\"}", "too_large"},
      {"{\"t\":1,\"v\":1,\"pad\":\"" + std::string(1'000'000, 'x') + "\"}", "too_large"},
  };
}

// Every kind of rubbish between two good messages: each is counted by its reason, keeps a sample,
// and holds nothing up.
TEST(Poison, IsRejectedCountedByReasonAndBlocksNothing) {
  Site site;
  ASSERT_NO_FATAL_FAILURE(site.start_broker());
  ASSERT_NO_FATAL_FAILURE(site.start_hub());
  ASSERT_NO_FATAL_FAILURE(site.start_daemon(SiteConfig().yaml()));
  std::string recording;
  std::map<std::string, std::int64_t> reasons;
  int time = 1000;
  const auto good = [&] {
    recording += std::to_string(time) + "\tplant/a\t{\"t\":" + std::to_string(time) + ",\"v\":1}\n";
    ++time;
  };
  std::uint64_t messages = 0;
  for (const Poison& poison : poisons()) {
    good();
    recording += std::to_string(time) + "\tplant/a\t" + poison.payload + "\n";
    ++reasons[poison.reason];
    messages += 2;
  }
  time = 2000;
  good();
  ++messages;
  ASSERT_TRUE(site.replay(site.write("poison.tsv", recording)));
  EXPECT_TRUE(site.drained(messages));
  for (const auto& [reason, count] : reasons) {
    EXPECT_EQ(site.ledger_count("messages", "rejected", reason), count) << reason;
  }
  std::uint64_t summed = 0;
  for (const v1::SummaryRecord& summary : site.summaries()) summed += summary.count();
  EXPECT_EQ(summed, poisons().size());
  EXPECT_EQ(site.status().ledger_difference(), 0);
  EXPECT_TRUE(site.status().ready());
}

}  // namespace
}  // namespace sluice::e2e
