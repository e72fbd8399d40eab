#include "health/readiness.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

HealthInput healthy() {
  HealthInput input;
  input.sources.push_back({"plant", true, ""});
  input.pipelines.push_back({"room", ""});
  return input;
}

TEST(Readiness, HasNothingToSayAboutAHealthyNode) {
  EXPECT_TRUE(readiness_problems(healthy()).empty());
}

TEST(Readiness, NamesTheSourceThatIsAwayAndWhy) {
  HealthInput input = healthy();
  input.sources[0] = {"plant", false, "connection refused"};
  EXPECT_EQ(readiness_problems(input),
            std::vector<std::string>{"source plant: not connected: connection refused"});
}

TEST(Readiness, NamesParkedPipelinesAndAStoreThatCannotCommit) {
  HealthInput input = healthy();
  input.pipelines[0].parked = "range.so is missing";
  input.store_error = "disk full";
  const auto problems = readiness_problems(input);
  ASSERT_EQ(problems.size(), 2u);
  EXPECT_NE(problems[0].find("disk full"), std::string::npos);
  EXPECT_EQ(problems[1], "pipeline room: parked: range.so is missing");
}

TEST(Readiness, NamesAHubThatRefusesOurData) {
  HealthInput input = healthy();
  input.uplink_refused = "row seq 1";
  EXPECT_EQ(readiness_problems(input),
            std::vector<std::string>{
                "uplink: the hub refuses a summary, and all behind it wait: row seq 1"});
}

TEST(Readiness, NamesRowsThatTheHubCannotReadOrNoLongerHas) {
  HealthInput input = healthy();
  input.uplink_rows_unread = 2;
  input.uplink_unread = "row 7: not a block";
  input.uplink_missing = "hub h holds rows up to 3";
  EXPECT_EQ(readiness_problems(input),
            (std::vector<std::string>{
                "uplink: the hub keeps rows that it cannot read, 2 now; the newest: "
                "row 7: not a block",
                "uplink: what was acknowledged is missing: hub h holds rows up to 3"}));
}

TEST(Readiness, NamesAClockThatIsBehindTheCertificates) {
  HealthInput input = healthy();
  input.clock_before_certificate = true;
  const auto problems = readiness_problems(input);
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_TRUE(problems[0].starts_with("clock_before_certificate: ")) << problems[0];
}

}  // namespace
}  // namespace sluice
