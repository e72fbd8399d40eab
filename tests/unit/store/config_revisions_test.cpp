#include "store/config_revisions.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "unit/store/scratch.h"

namespace sluice {
namespace {

class ConfigRevisionsTest : public ::testing::Test {
 protected:
  ConfigRevisionsTest() { reopen(); }
  void reopen() {
    revisions_.reset();
    auto opened = ConfigRevisions::open(dir_.path());
    ASSERT_TRUE(opened.ok()) << opened.status().to_string();
    revisions_ = *std::move(opened);
  }
  std::int64_t add(const std::string& document, RevisionState state = RevisionState::applying) {
    ConfigRevision revision;
    revision.source.origin = RevisionOrigin::push;
    revision.state = state;
    revision.source.signed_version = 7;
    revision.received_ns = 1'000;
    revision.changed_ns = 2'000;
    revision.message = "m";
    revision.document = document;
    const auto number = revisions_->add(revision);
    EXPECT_TRUE(number.ok()) << number.status().to_string();
    return number.ok() ? *number : 0;
  }
  void set(std::int64_t number, RevisionState state) {
    const Status s = revisions_->set_state(number, state, "because", 3'000);
    ASSERT_TRUE(s.ok()) << s.to_string();
  }
  std::int64_t current() {
    const auto found = revisions_->current();
    EXPECT_TRUE(found.ok());
    return *found ? (*found)->number : 0;
  }
  RevisionState state_of(std::int64_t number) { return revisions_->get(number)->state; }
  std::string file() const { return dir_.path() + "/config.sqlite"; }

  storage::ScratchDir dir_;
  std::unique_ptr<ConfigRevisions> revisions_;
};

TEST_F(ConfigRevisionsTest, GivesBackWhatItWasGivenAlsoAfterARestart) {
  EXPECT_EQ(current(), 0);
  const std::int64_t number = add("a: 1\n");
  reopen();
  const auto found = revisions_->get(number);
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->number, 1);
  EXPECT_EQ(found->source.origin, RevisionOrigin::push);
  EXPECT_EQ(found->state, RevisionState::applying);
  EXPECT_EQ(found->source.signed_version, 7u);
  EXPECT_EQ(found->received_ns, 1'000);
  EXPECT_EQ(found->changed_ns, 2'000);
  EXPECT_EQ(found->message, "m");
  EXPECT_EQ(found->document, "a: 1\n");
  EXPECT_EQ(revisions_->get(2).status().code(), StatusCode::not_found);
  EXPECT_EQ(current(), 0) << "it is not in effect";
}

TEST_F(ConfigRevisionsTest, TriesOneBesideTheOneThatIsKnownToRun) {
  const std::int64_t first = add("1");
  set(first, RevisionState::applied);
  const std::int64_t second = add("2");
  set(second, RevisionState::probation);
  reopen();
  EXPECT_EQ(current(), second);
  EXPECT_EQ((*revisions_->last_good())->number, first);
  set(second, RevisionState::rolled_back);
  EXPECT_EQ(current(), first);
  EXPECT_EQ(revisions_->get(second)->message, "because");
  const std::int64_t third = add("3");
  set(third, RevisionState::probation);
  set(third, RevisionState::applied);
  EXPECT_EQ(current(), third);
  EXPECT_EQ(state_of(first), RevisionState::superseded);
  EXPECT_EQ((*revisions_->last_good())->number, third);
}

TEST_F(ConfigRevisionsTest, HasOneInEachSlot) {
  const std::int64_t first = add("1");
  set(first, RevisionState::probation);
  const std::int64_t second = add("2");
  set(second, RevisionState::probation);
  EXPECT_EQ(state_of(first), RevisionState::rolled_back);
  EXPECT_EQ(current(), second);
}

TEST_F(ConfigRevisionsTest, CountsTheStartsOfAProbation) {
  const std::int64_t number = add("1");
  set(number, RevisionState::probation);
  EXPECT_EQ(*revisions_->count_start(number), 1);
  reopen();
  EXPECT_EQ(*revisions_->count_start(number), 2);
  EXPECT_EQ(revisions_->get(number)->document, "1");
  EXPECT_EQ(revisions_->count_start(9).status().code(), StatusCode::not_found);
}

TEST_F(ConfigRevisionsTest, KeepsTheNewestAndTheSlotsAndGivesNoNumberTwice) {
  const std::int64_t good = add("good");
  set(good, RevisionState::applied);
  for (int i = 0; i < 200; ++i) add("other", RevisionState::refused);
  EXPECT_EQ(revisions_->list(1'000)->size(), ConfigRevisions::kCountMax + 1);
  EXPECT_EQ(current(), good);
  EXPECT_EQ(revisions_->list(1)->front().number, 201);
  EXPECT_EQ(revisions_->list(1)->front().document, "");
  const std::string large(1 << 20, 'x');
  for (int i = 0; i < 20; ++i) add(large, RevisionState::refused);
  EXPECT_LE(revisions_->list(1'000)->size(), 5u);
  EXPECT_EQ(current(), good);
  EXPECT_LT(std::filesystem::file_size(file()), 10u << 20);
  reopen();
  EXPECT_EQ(add("next"), 222);
}

std::string read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Every byte of the file, three ways: what comes back is what was put in, or nothing.
TEST_F(ConfigRevisionsTest, NeverGiveBackAnotherConfigThanTheyWereGiven) {
  set(add("the first one, which is known to run"), RevisionState::applied);
  set(add("the second one, which is tried"), RevisionState::probation);
  revisions_.reset();
  const std::string whole = read(file());
  std::size_t set_aside = 0;
  std::size_t one_back = 0;
  for (std::size_t i = 0; i < whole.size(); i += 7) {
    std::string bytes = whole;
    bytes[i] = static_cast<char>(bytes[i] ^ (1 << (i % 8)));
    for (const auto& entry : std::filesystem::directory_iterator(dir_.path())) {
      std::filesystem::remove_all(entry.path());
    }
    std::ofstream(file(), std::ios::binary) << bytes;
    auto opened = ConfigRevisions::open(dir_.path());
    if (!opened.ok()) continue;  // of a newer program, as its header says
    set_aside += (*opened)->rebuilt() ? 1 : 0;
    const auto found = (*opened)->current();
    if (!found.ok() || !*found) continue;
    const std::string& document = (*found)->document;
    ASSERT_TRUE(document == "the first one, which is known to run" ||
                document == "the second one, which is tried")
        << i;
    one_back += document.find("first") != std::string::npos ? 1 : 0;
  }
  EXPECT_GT(set_aside, 10u);
  EXPECT_GT(one_back, 2u);
}

TEST_F(ConfigRevisionsTest, SetADamagedFileAsideAndBeginAnew) {
  add("1");
  revisions_.reset();
  std::ofstream(file(), std::ios::binary) << std::string(20'000, '?');
  reopen();
  EXPECT_TRUE(revisions_->rebuilt());
  EXPECT_EQ(current(), 0);
  EXPECT_TRUE(std::filesystem::exists(file() + ".damaged-1"));
  EXPECT_EQ(add("2"), 1);
}

TEST_F(ConfigRevisionsTest, AreNotForTwoProcesses) {
  const auto second = ConfigRevisions::open(dir_.path());
  EXPECT_EQ(second.status().code(), StatusCode::failed_precondition) << second.status().to_string();
}

}  // namespace
}  // namespace sluice
