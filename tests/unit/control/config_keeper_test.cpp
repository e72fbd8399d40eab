#include "control/config_keeper.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "fakes/fake_clock.h"
#include "unit/control/memory_revisions.h"

namespace sluice {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

/// A config is one pipeline, whose name is the document; "bad" does not pass.
v1::Config config_of(const std::string& document) {
  v1::Config config;
  config.add_pipelines()->set_name(document);
  return config;
}

class ConfigKeeperTest : public ::testing::Test {
 protected:
  ConfigKeeperTest() { reboot(); }
  /// Another process over the same store.
  void reboot() {
    ConfigKeeper::Options options;
    options.probation_ns = 60 * kSecond;
    const auto read = [](const std::string& document, RevisionOrigin) -> Result<v1::Config> {
      if (document == "bad") return invalid_argument("f:1:1: it is bad");
      return config_of(document);
    };
    keeper_ = std::make_unique<ConfigKeeper>(
        revisions_, clock_, options,
        ConfigActions{.read = read,
                      .check = read,
                      .put_into_effect = [this](const v1::Config& config) -> Status {
                        const std::string& name = config.pipelines(0).name();
                        if (name == "cannot") return unavailable("it cannot be made");
                        running_ = name;
                        return {};
                      },
                      .health =
                          [this] {
                            health_.boottime_ns = clock_.boottime_ns();
                            return health_;
                          },
                      .wake_owner = [this] { ++wakes_; },
                      .changed = [this] { ++changes_; }});
  }
  std::string start(const std::string& file) {
    const auto start = keeper_->start(file, config_of(file));
    if (!start.ok()) return std::string(start.status().message());
    keeper_->started();
    file_differs_ = keeper_->file_differs();
    return running_ = start->config.pipelines(0).name();
  }
  std::int64_t submit(const std::string& document, RevisionOrigin origin = RevisionOrigin::local) {
    const auto number = keeper_->submit(document, {origin});
    EXPECT_TRUE(number.ok()) << number.status().to_string();
    return number.ok() ? *number : 0;
  }
  void pass(std::int64_t seconds) {
    for (std::int64_t s = 0; s < seconds; ++s) {
      clock_.advance(kSecond);
      keeper_->step();
    }
  }
  RevisionState state(std::int64_t number) { return revisions_.all[number].state; }
  std::string message(std::int64_t number) { return revisions_.all[number].message; }
  void apply(const std::string& document) {
    submit(document);
    keeper_->step();
  }

  MemoryRevisions revisions_;
  FakeClock clock_;
  HealthSample health_;
  std::string running_;
  bool file_differs_ = false;
  int wakes_ = 0;
  int changes_ = 0;
  std::unique_ptr<ConfigKeeper> keeper_;
};

TEST_F(ConfigKeeperTest, BeginsWithTheFile) {
  EXPECT_EQ(start("a"), "a");
  EXPECT_EQ(state(1), RevisionState::applied);
  reboot();
  EXPECT_EQ(start("a"), "a");
  EXPECT_EQ(revisions_.all.size(), 1u) << "it is the same";
}

TEST_F(ConfigKeeperTest, TakesAFileThatChangedAsTheNextOneOnProbation) {
  start("a");
  reboot();
  EXPECT_EQ(start("b"), "b");
  EXPECT_EQ(state(2), RevisionState::probation);
  pass(61);
  EXPECT_EQ(state(2), RevisionState::applied);
  EXPECT_EQ(state(1), RevisionState::superseded);
}

TEST_F(ConfigKeeperTest, PutsAConfigIntoEffectAndKeepsItWhenItPassesItsProbation) {
  start("a");
  const std::int64_t number = submit("b");
  EXPECT_EQ(number, 2);
  EXPECT_EQ(wakes_, 1);
  EXPECT_EQ(running_, "a");
  keeper_->step();
  EXPECT_EQ(running_, "b");
  EXPECT_EQ(state(2), RevisionState::probation);
  EXPECT_NE(
      keeper_->submit("c", {RevisionOrigin::local}).status().message().find("is on probation"),
      std::string::npos);
  pass(59);
  EXPECT_EQ(state(2), RevisionState::probation);
  pass(2);
  EXPECT_EQ(state(2), RevisionState::applied);
  reboot();
  EXPECT_EQ(start("a"), "b") << "the file is not the last that was accepted";
  EXPECT_TRUE(file_differs_);
}

TEST_F(ConfigKeeperTest, KeepsNothingOfAConfigThatDoesNotPass) {
  start("a");
  EXPECT_EQ(keeper_->submit("bad", {RevisionOrigin::local}).status().message(), "f:1:1: it is bad");
  EXPECT_EQ(revisions_.all.size(), 1u);
  revisions_.full = true;
  EXPECT_EQ(keeper_->submit("b", {RevisionOrigin::local}).status().code(),
            StatusCode::resource_exhausted);
  revisions_.full = false;
  EXPECT_EQ(submit("b"), 2) << "nothing is on its way";
}

TEST_F(ConfigKeeperTest, SaysWhyAConfigDidNotTakeEffect) {
  start("a");
  apply("cannot");
  EXPECT_EQ(running_, "a");
  EXPECT_EQ(state(2), RevisionState::refused);
  EXPECT_EQ(message(2), "it cannot be made");
  apply("b");
  EXPECT_EQ(running_, "b");
}

TEST_F(ConfigKeeperTest, GoesBackByItselfWhenTheNodeDoesWorse) {
  start("a");
  apply("b");
  health_.pipelines["p"].parked = true;
  pass(1);
  EXPECT_EQ(running_, "a");
  EXPECT_EQ(state(2), RevisionState::rolled_back);
  EXPECT_EQ(message(2), "pipeline p does not run any more");
  EXPECT_EQ(state(1), RevisionState::applied);
  apply("c");
  EXPECT_EQ(running_, "c");
}

TEST_F(ConfigKeeperTest, GoesBackWhenAnOperatorSaysSo) {
  start("a");
  apply("b");
  EXPECT_EQ(*keeper_->roll_back(0), 1);
  keeper_->step();
  EXPECT_EQ(running_, "a");
  EXPECT_EQ(state(2), RevisionState::rolled_back);
  EXPECT_EQ(message(2), "an operator rolled it back");
  apply("c");
  pass(61);
  EXPECT_EQ(state(3), RevisionState::applied);
  EXPECT_EQ(*keeper_->roll_back(0), 4) << "the document of the one before, again";
  keeper_->step();
  EXPECT_EQ(running_, "a");
  EXPECT_EQ(keeper_->roll_back(2).status().code(), StatusCode::failed_precondition);
  pass(61);
  EXPECT_EQ(keeper_->roll_back(99).status().code(), StatusCode::not_found);
  EXPECT_EQ(*keeper_->roll_back(2), 5);
  keeper_->step();
  EXPECT_EQ(running_, "b");
}

TEST_F(ConfigKeeperTest, RollsBackWhatTheDaemonDoesNotSurvive) {
  start("a");
  apply("b");
  for (int crash = 1; crash <= 2; ++crash) {
    reboot();
    EXPECT_EQ(start("a"), "b") << "power may have failed";
  }
  reboot();
  EXPECT_EQ(start("a"), "a");
  EXPECT_EQ(state(2), RevisionState::rolled_back);
  EXPECT_NE(message(2).find("3 times during its probation"), std::string::npos) << message(2);
}

TEST_F(ConfigKeeperTest, WatchesOnAfterARestart) {
  start("a");
  apply("b");
  pass(30);
  reboot();
  EXPECT_EQ(start("a"), "b");
  pass(59);
  EXPECT_EQ(state(2), RevisionState::probation) << "its time begins anew";
  pass(2);
  EXPECT_EQ(state(2), RevisionState::applied);
}

TEST_F(ConfigKeeperTest, FindsTheFormerConfigWhenItWasStoppedOnTheWay) {
  start("a");
  submit("b");
  reboot();
  EXPECT_EQ(start("a"), "a");
  EXPECT_EQ(state(2), RevisionState::refused);
  EXPECT_EQ(message(2), "the daemon stopped before it took effect");
}

TEST_F(ConfigKeeperTest, StartsWithTheOneBeforeWhenTheTriedOneCannotBeRead) {
  start("a");
  apply("b");
  revisions_.all[2].document = "bad";
  reboot();
  EXPECT_EQ(start("a"), "a");
  EXPECT_EQ(state(2), RevisionState::rolled_back);
}

TEST_F(ConfigKeeperTest, StartsWithTheOneBeforeWhenTheNodeDoesNotStart) {
  start("a");
  apply("b");
  reboot();
  ASSERT_TRUE(keeper_->start("a", config_of("a")).ok());
  const auto other = keeper_->start_failed(unavailable("no port"));
  ASSERT_TRUE(other.ok());
  EXPECT_EQ(other->config.pipelines(0).name(), "a");
  EXPECT_EQ(keeper_->start_failed(unavailable("no port")).status().message(), "no port");
}

// A full disk: what took effect and cannot be written down is undone, and the disk asked again.
TEST_F(ConfigKeeperTest, GoesBackWhenItCannotWriteDownWhatItDid) {
  start("a");
  submit("b");
  revisions_.full = true;
  keeper_->step();
  revisions_.full = false;
  pass(3);
  EXPECT_TRUE(running_ == "b" ? state(2) == RevisionState::probation : running_ == "a");
}

}  // namespace
}  // namespace sluice
