#include "ctl/plan_command.h"

#include <gtest/gtest.h>

#include <fstream>

#include "unit/ctl/local_daemon.h"
#include "unit/ctl/program.h"

namespace sluice::ctl {
namespace {

class PlanCommandTest : public ::testing::Test {
 protected:
  PlanCommandTest() { std::ofstream(file_) << "pipelines: []\n"; }
  Outcome plan(std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"config", "plan", file_, "--socket", daemon_.socket};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_sluicectl(arguments);
  }

  LocalDaemon daemon_;
  const std::string file_ = daemon_.dir / "next.yaml";
};

TEST_F(PlanCommandTest, ExitsByWhetherTheCandidateFits) {
  v1::PlanReport report;
  report.set_fits(true);
  daemon_.view.set(Result<v1::PlanReport>(report));
  const Outcome fits = plan();
  EXPECT_EQ(fits.exit_code, kExitOk) << fits.err;
  EXPECT_TRUE(fits.out.ends_with("It fits.\n")) << fits.out;
  const v1::PlanRequest request = daemon_.view.plan_request();
  EXPECT_EQ(request.config_yaml(), "pipelines: []\n");
  EXPECT_EQ(request.file_name(), file_);
  EXPECT_EQ(request.since_s(), 900u);

  report.set_fits(false);
  report.add_refusals("no room");
  daemon_.view.set(Result<v1::PlanReport>(report));
  EXPECT_EQ(plan({"--since", "2h"}).exit_code, kExitBadAnswer);
  EXPECT_EQ(daemon_.view.plan_request().since_s(), 7200u);
  report.add_errors()->set_message("expected a list");
  daemon_.view.set(Result<v1::PlanReport>(report));
  const Outcome broken = plan({"--json"});
  EXPECT_EQ(broken.exit_code, kExitUsage);
  EXPECT_NE(broken.out.find("\"refusals\":[\"no room\"]"), std::string::npos) << broken.out;
}

TEST_F(PlanCommandTest, SaysWhatCannotBeAsked) {
  EXPECT_EQ(plan({"--since", "soon"}).exit_code, kExitUsage);
  EXPECT_EQ(plan({"--since", "10ms"}).exit_code, kExitUsage);
  EXPECT_EQ(
      run_sluicectl({"config", "plan", "/no/such.yaml", "--socket", daemon_.socket}).exit_code,
      kExitUsage);
  daemon_.view.set(Result<v1::PlanReport>(resource_exhausted("another plan is being made")));
  const Outcome busy = plan();
  EXPECT_EQ(busy.exit_code, kExitBadAnswer);
  EXPECT_NE(busy.err.find("another plan is being made"), std::string::npos) << busy.err;
  daemon_.stop();
  EXPECT_EQ(plan().exit_code, kExitUnreachable);
}

// As large as a config may be.
TEST_F(PlanCommandTest, SendsAConfigOfAMebibyte) {
  std::ofstream(file_) << std::string(1 << 20, '#');
  EXPECT_EQ(plan().exit_code, kExitBadAnswer);
  EXPECT_EQ(daemon_.view.plan_request().config_yaml().size(), std::size_t{1} << 20);
}

}  // namespace
}  // namespace sluice::ctl
