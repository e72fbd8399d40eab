#include "testing/aggregate_harness.hpp"

#include <gtest/gtest.h>

// What authors test their aggregates with: it passes what keeps the contract, and nothing else.

namespace sluice {
namespace {

namespace bench = sdk::test;

const bench::AggregateHarness::Readings kReadings = {{1, 5}, {2, -3}, {3, 8}, {4, -1}, {5, 101}};

std::string path_of(const std::string& dir, const std::string& name) {
  return dir + "/" + name + ".so";
}

bench::AggregateHarness liar(const std::string& lie) {
  return bench::AggregateHarness(path_of(BAD_PLUGIN_DIR, "liar_aggregate"),
                                 "{\"lie\":\"" + lie + "\"}");
}

/// "" when `body` keeps all promises.
template <typename Body>
std::string broken_promise(Body body) {
  try {
    body();
    return "";
  } catch (const bench::BrokenPromise& e) {
    return e.what();
  }
}

TEST(AggregateHarness, PassesWhatKeepsTheContract) {
  EXPECT_EQ(broken_promise([] { liar("").check_laws(kReadings); }), "");
  for (const auto& [dir, name] : {std::pair(CONTRACT_PLUGIN_DIR, "contract_aggregate_v1"),
                                  {BAD_PLUGIN_DIR, "thrower_aggregate"}}) {
    const bench::AggregateHarness harness(path_of(dir, name));
    EXPECT_EQ(broken_promise([&] { harness.check_laws(kReadings, 7); }), "") << name;
  }
  EXPECT_EQ(liar("").fold(kReadings), (bench::AggregateHarness::Results{{"count", 5}}));
  EXPECT_EQ(liar("").restore("short", "1.0"), "expected 8 bytes");
}

TEST(AggregateHarness, CatchesWhatBreaksIt) {
  const std::pair<const char*, const char*> kLies[] = {
      {"failed_open", "open answered 1"},
      {"no_state", "state_bytes is not 1..65536"},
      {"huge_saved", "saved_bytes_max is not 1..65536"},
      {"failed_add", "add answered 1"},
      {"odd_answer", "add answered 77"},
      {"overrun", "add wrote beyond state_bytes"},
      {"order", "of seed 1, in another order and grouping"},
      {"forgets", "in another order and grouping"},
      {"moves", "moved by an hour instead"},
      {"other_bytes", "save: two in a row differ"},
      {"writes_more", "save wrote more than saved_bytes_max"},
      {"writes_nothing", "save wrote nothing"},
      {"other_state", "a restored state saves other bytes"},
      {"odd_restore", "restore answered 1"}};
  for (const auto& [lie, expected] : kLies) {
    const std::string broken = broken_promise([&] { liar(lie).check_laws(kReadings); });
    EXPECT_NE(broken.find(expected), std::string::npos) << lie << ": " << broken;
  }
  EXPECT_THROW(liar("config"), bench::BadConfig);
  EXPECT_THROW(bench::AggregateHarness(path_of(BAD_PLUGIN_DIR, "plain_c")), bench::BrokenPromise);
}

}  // namespace
}  // namespace sluice
