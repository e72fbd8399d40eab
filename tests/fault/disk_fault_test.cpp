#include <gtest/gtest.h>

#include <cstdio>

#include "base/log.h"
#include "fault/store_rig.h"

// Operations of the disk that fail, without a power cut: at every place of one history in turn.

namespace sluice {
namespace {

/// Opens as a supervisor does, again and again; checks that nothing was given up for the fault.
void open_in_the_end(StoreRig& rig) {
  for (int tries = 0; tries < 200; ++tries) {
    auto state = rig.open();
    if (!state.ok()) {
      const StatusCode code = state.status().code();
      ASSERT_TRUE(code == StatusCode::unavailable || code == StatusCode::resource_exhausted)
          << state.status().to_string();
      continue;
    }
    ASSERT_FALSE(state->rebuilt);
    ASSERT_EQ(state->damaged_segments, 0u);
    ASSERT_EQ(unlike_all(*state, rig.possible()), "");
    rig.accept(*std::move(state));
    return;
  }
  FAIL() << "the store does not open";
}

/// Two lives of the same history, whatever fails meanwhile.
void two_lives(StoreRig& rig) {
  for (int life = 0; life < 2 && !::testing::Test::HasFailure(); ++life) {
    open_in_the_end(rig);
    for (int i = 0; i < 8 && !::testing::Test::HasFailure(); ++i) rig.work();
    rig.submit();
    rig.finish();
    rig.close();
  }
  rig.disk().fail(SimDisk::Fault::io_error, 0, 0);
  if (!::testing::Test::HasFailure()) open_in_the_end(rig);
}

/// `count` operations fail from the first on, then from the second on, until none is hit.
std::uint64_t sweep(SimDisk::Fault fault, std::uint64_t count, std::uint64_t seed) {
  for (std::uint64_t first = 1;; ++first) {
    StoreRig rig(seed, {});
    rig.disk().fail(fault, first, count);
    two_lives(rig);
    if (::testing::Test::HasFailure()) {
      ADD_FAILURE() << count << " operations failed from number " << first << ", seed " << seed;
      return first;
    }
    if (rig.disk().faults() == 0) return first - 1;
  }
}

class DiskFault : public ::testing::Test {
 protected:
  void SetUp() override { log::configure(log::Level::error, log::Format::logfmt); }
  const std::uint64_t seed_ = fault_seed();
};

TEST_F(DiskFault, AnIoErrorAtAnyOperationLosesNothingAndTheStoreGoesOn) {
  std::printf("swept %llu operations\n",
              static_cast<unsigned long long>(sweep(SimDisk::Fault::io_error, 1, seed_)));
}

TEST_F(DiskFault, ARunOfIoErrorsFromAnyOperationOnLosesNothingAndTheStoreGoesOn) {
  std::printf("swept %llu operations\n",
              static_cast<unsigned long long>(sweep(SimDisk::Fault::io_error, 25, seed_)));
}

TEST_F(DiskFault, AFullDiskFromAnyOperationOnLosesNothingAndTheStoreGoesOn) {
  std::printf("swept %llu operations\n",
              static_cast<unsigned long long>(sweep(SimDisk::Fault::full, 25, seed_)));
}

// The mode of SQLite's log is set in the first open; where that fails unnoticed, commits are not
// what they say.
TEST_F(DiskFault, AfterAnIoErrorInTheFirstOpenAPowerCutLosesNothingThatReturned) {
  for (std::uint64_t first = 1;; ++first) {
    StoreRig rig(seed_, {});
    rig.disk().fail(SimDisk::Fault::io_error, first, 1);
    open_in_the_end(rig);
    const bool failed = rig.disk().faults() > 0;
    rig.submit();
    rig.finish();
    rig.disk().cut_power_after(0);
    rig.close();
    open_in_the_end(rig);
    ASSERT_FALSE(HasFailure()) << "operation " << first << " failed, seed " << seed_;
    rig.close();
    if (!failed) break;
  }
}

// A sync that failed leaves pages that Linux takes for clean: what later commits build on must not
// be among them.
TEST_F(DiskFault, AfterAnIoErrorAtAnyOperationAPowerCutLosesNothingThatReturned) {
  constexpr std::uint64_t kHistories = 5;
  for (std::uint64_t seed = seed_; seed < seed_ + kHistories; ++seed) {
    bool failed = true;
    for (std::uint64_t first = 1; failed; ++first) {
      StoreRig rig(seed, {});
      open_in_the_end(rig);
      const auto commit_some = [&rig] {
        for (int i = 0; i < 4; ++i) {
          rig.submit();
          rig.finish();
        }
      };
      commit_some();
      rig.disk().fail(SimDisk::Fault::io_error, first, 1);
      commit_some();
      failed = rig.disk().faults() > 0;
      rig.disk().cut_power_after(0);
      rig.close();
      open_in_the_end(rig);
      ASSERT_FALSE(HasFailure()) << "operation " << first << " failed, seed " << seed;
      rig.close();
    }
  }
}

TEST_F(DiskFault, AReadErrorWhileASuspectDatabaseIsCheckedIsNotTakenForDamage) {
  StoreRig used(seed_, {});
  open_in_the_end(used);
  for (int i = 0; i < 40; ++i) used.work();
  used.finish();
  used.close();
  SimDisk::Image image = used.disk().image();
  image["/sluice/sluice.sqlite.suspect"] = "";
  for (std::uint64_t first = 1;; ++first) {
    StoreRig rig(seed_, {});
    rig.disk().load_image(image);
    rig.accept(used.expected());
    rig.disk().fail(SimDisk::Fault::io_error, first, 1);
    open_in_the_end(rig);
    ASSERT_FALSE(HasFailure()) << "operation " << first << " failed, seed " << seed_;
    rig.close();
    if (rig.disk().faults() == 0) break;
  }
}

TEST_F(DiskFault, ADiskThatTurnsReadOnlyReleasesNothingAndGoesOnOnceItIsWritable) {
  StoreRig rig(seed_, {});
  open_in_the_end(rig);
  for (int i = 0; i < 10; ++i) rig.work();
  rig.disk().set_read_only(true);
  const std::uint64_t commits = rig.commits();
  rig.submit();
  EXPECT_TRUE(rig.in_flight());
  EXPECT_EQ(rig.commits(), commits);
  rig.disk().set_read_only(false);
  rig.finish();
  EXPECT_EQ(rig.commits(), commits + 1);
  rig.close();
  rig.disk().set_read_only(true);
  EXPECT_EQ(rig.open().status().code(), StatusCode::unavailable);
  rig.disk().set_read_only(false);
  open_in_the_end(rig);
}

}  // namespace
}  // namespace sluice
