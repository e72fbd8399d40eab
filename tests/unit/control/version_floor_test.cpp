#include "control/version_floor.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <random>

#include "control/durable_file.h"
#include "unit/control/signing_rig.h"
#include "unit/control/temp_dir.h"

namespace sluice {
namespace {

using Kind = VersionFloor::Kind;

std::string content(const std::string& path) { return *read_whole_file(path, 1000); }
void put(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::trunc) << bytes;
}

TEST(VersionFloor, IsZeroOnANewNodeAndRisesOnly) {
  const TempDir dir;
  const VersionFloor floor(dir.path(), Kind::config);
  EXPECT_EQ(*floor.read(), 0u);
  ASSERT_TRUE(floor.raise(0).ok());
  EXPECT_FALSE(std::filesystem::exists(floor.path())) << "nothing to remember";
  ASSERT_TRUE(floor.raise(41).ok());
  ASSERT_TRUE(floor.raise(42).ok());
  ASSERT_TRUE(floor.raise(7).ok());
  EXPECT_EQ(*VersionFloor(dir.path(), Kind::config).read(), 42u);
  EXPECT_EQ(*VersionFloor(dir.path(), Kind::key_set).read(), 0u) << "counted apart";
  ASSERT_TRUE(floor.raise(kVersionMax).ok());
  EXPECT_EQ(*floor.read(), kVersionMax);
  EXPECT_EQ(floor.raise(kVersionMax + 1).code(), StatusCode::invalid_argument);
}

TEST(VersionFloor, TakesNoFileWithAnotherBitAndNoneThatIsCutOrLonger) {
  const TempDir dir;
  const VersionFloor floor(dir.path(), Kind::config);
  ASSERT_TRUE(floor.raise(42).ok());
  const std::string good = content(floor.path());
  for_each_mutation(good, [&](const std::string& damaged, const std::string& how) {
    if (damaged == good) return;
    put(floor.path(), damaged);
    const auto read = floor.read();
    ASSERT_FALSE(read.ok()) << how << " reads as " << *read;
    EXPECT_EQ(read.status().code(), StatusCode::data_loss) << how;
  });
  put(floor.path(), std::string(1000, '1'));
  EXPECT_EQ(floor.read().status().code(), StatusCode::data_loss);
  put(floor.path(), good);
  EXPECT_EQ(*floor.read(), 42u);
}

TEST(VersionFloor, WritesNotOverADamagedFile) {
  const TempDir dir;
  const VersionFloor floor(dir.path(), Kind::config);
  put(floor.path(), "");
  EXPECT_EQ(floor.raise(43).code(), StatusCode::data_loss);
  EXPECT_EQ(content(floor.path()), "");
  EXPECT_TRUE(says(floor.read().status(), floor.path() + " is damaged")) << "says which file";
}

TEST(VersionFloor, DoesNotTakeTheFileOfTheOtherKind) {
  const TempDir dir;
  const VersionFloor configs(dir.path(), Kind::config);
  const VersionFloor key_sets(dir.path(), Kind::key_set);
  ASSERT_TRUE(configs.raise(42).ok());
  std::filesystem::copy_file(configs.path(), key_sets.path());
  EXPECT_EQ(key_sets.read().status().code(), StatusCode::data_loss);
}

// What is on disk when the power goes between two steps of raise().
TEST(VersionFloor, HasTheOldOrTheNewVersionAfterACrashAtEveryStep) {
  const TempDir dir;
  const VersionFloor floor(dir.path(), Kind::config);
  ASSERT_TRUE(floor.raise(42).ok());
  const std::string temporary = floor.path() + ".new";
  const TempDir other;
  const VersionFloor elsewhere(other.path(), Kind::config);
  ASSERT_TRUE(elsewhere.raise(43).ok());
  const std::string next = content(elsewhere.path());
  for (std::size_t size = 0; size <= next.size(); ++size) {
    put(temporary, next.substr(0, size));
    EXPECT_EQ(*floor.read(), 42u) << "written to byte " << size;
  }
  ASSERT_TRUE(floor.raise(44).ok()) << "what was left behind is in nobody's way";
  EXPECT_EQ(*floor.read(), 44u);
  put(temporary, next);
  std::filesystem::rename(temporary, floor.path());
  EXPECT_EQ(*floor.read(), 43u) << "renamed: the new one";
}

// A child raises the floor and tells each time that it has; it is killed somewhere in between.
TEST(VersionFloor, HasEveryVersionThatAKilledProcessHadRaisedItTo) {
  const unsigned seed = std::random_device()();
  RecordProperty("seed", static_cast<int>(seed));
  std::mt19937 random(seed);
  const TempDir dir;
  const VersionFloor floor(dir.path(), Kind::config);
  std::uint64_t told = 0;
  for (int round = 0; round < 10; ++round) {
    int fds[2];
    ASSERT_EQ(::pipe(fds), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      for (std::uint64_t version = told + 1;; ++version) {
        if (!floor.raise(version).ok()) ::_exit(1);
        if (::write(fds[1], &version, sizeof version) != sizeof version) ::_exit(2);
      }
    }
    ::close(fds[1]);
    const unsigned reads = 1 + random() % 10;
    for (unsigned i = 0; i < reads; ++i) {
      ASSERT_EQ(::read(fds[0], &told, sizeof told), static_cast<ssize_t>(sizeof told));
    }
    ::kill(child, SIGKILL);
    int state = 0;
    ASSERT_EQ(::waitpid(child, &state, 0), child);
    ASSERT_TRUE(WIFSIGNALED(state)) << "seed " << seed;
    while (::read(fds[0], &told, sizeof told) == static_cast<ssize_t>(sizeof told)) {
    }
    ::close(fds[0]);
    const auto read = floor.read();
    ASSERT_TRUE(read.ok()) << read.status().to_string() << ", seed " << seed;
    EXPECT_TRUE(*read == told || *read == told + 1) << *read << ", told " << told;
    told = *read;
  }
}

TEST(CheckVersion, TakesWhatIsAboveTheFloorAndNotTooFarAbove) {
  EXPECT_TRUE(check_version("config", 1, 0).ok());
  EXPECT_TRUE(check_version("config", 8, 7).ok());
  EXPECT_TRUE(check_version("config", 7 + kVersionStepMax, 7).ok());
  EXPECT_TRUE(check_version("config", kVersionMax, kVersionMax - 1).ok());
  const Status same = check_version("config", 7, 7);
  EXPECT_EQ(same.code(), StatusCode::failed_precondition);
  EXPECT_TRUE(says(same, "config version 7 is not above 7")) << same.message();
  EXPECT_EQ(check_version("config", 6, 7).code(), StatusCode::failed_precondition);
  const Status far = check_version("config", 8 + kVersionStepMax, 7);
  EXPECT_EQ(far.code(), StatusCode::failed_precondition);
  EXPECT_TRUE(says(far, "more than 2^32 above 7")) << far.message();
  EXPECT_EQ(check_version("config", 0, 0).code(), StatusCode::invalid_argument);
  EXPECT_EQ(check_version("config", kVersionMax + 1, kVersionMax).code(),
            StatusCode::invalid_argument);
}

}  // namespace
}  // namespace sluice
