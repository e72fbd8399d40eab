#include "control/durable_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "unit/control/temp_dir.h"

namespace sluice {
namespace {

unsigned mode_of(const std::string& path) {
  struct stat there = {};
  EXPECT_EQ(::stat(path.c_str(), &there), 0) << path;
  return there.st_mode & 0777;
}

TEST(DurableFile, ReadsAllOfAFileUpToABound) {
  const TempDir dir;
  const std::string text(40'000, 'x');
  std::ofstream(dir / "f") << text;
  EXPECT_EQ(*read_whole_file(dir / "f", text.size()), text);
  EXPECT_EQ(read_whole_file(dir / "f", text.size() - 1).status().code(),
            StatusCode::invalid_argument);
  EXPECT_EQ(read_whole_file(dir / "none", 10).status().code(), StatusCode::not_found);
  EXPECT_EQ(read_whole_file(dir.path(), 10).status().code(), StatusCode::unavailable);
}

TEST(DurableFile, ReplacesAFileWholeWithItsMode) {
  const TempDir dir;
  ASSERT_TRUE(replace_file(dir / "f", "one", 0600).ok());
  ASSERT_TRUE(replace_file(dir / "f", "two", 0600).ok());
  EXPECT_EQ(*read_whole_file(dir / "f", 10), "two");
  EXPECT_EQ(mode_of(dir / "f"), 0600u);
  EXPECT_FALSE(std::filesystem::exists(dir / "f.new"));
}

TEST(DurableFile, TakesOverWhatACrashLeftBehind) {
  const TempDir dir;
  ASSERT_TRUE(replace_file(dir / "f", "old", 0600).ok());
  std::ofstream(dir / "f.new") << "half of something much longer";
  ASSERT_EQ(::chmod((dir / "f.new").c_str(), 0666), 0);
  EXPECT_EQ(*read_whole_file(dir / "f", 10), "old");
  ASSERT_TRUE(replace_file(dir / "f", "new", 0600).ok());
  EXPECT_EQ(*read_whole_file(dir / "f", 10), "new");
  EXPECT_EQ(mode_of(dir / "f"), 0600u);
}

TEST(DurableFile, FollowsALinkAndLeavesWhatIsNoFileAlone) {
  const TempDir dir;
  ASSERT_TRUE(replace_file(dir / "f", "old", 0600).ok());
  std::filesystem::create_symlink(dir / "f", dir / "link");
  ASSERT_TRUE(replace_file(dir / "link", "new", 0600).ok());
  EXPECT_TRUE(std::filesystem::is_symlink(dir / "link"));
  EXPECT_EQ(*read_whole_file(dir / "f", 10), "new");
  ASSERT_EQ(::mkfifo((dir / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(replace_file(dir / "pipe", "x", 0600).code(), StatusCode::invalid_argument);
  EXPECT_EQ(replace_file(dir.path(), "x", 0600).code(), StatusCode::invalid_argument);
  EXPECT_TRUE(std::filesystem::is_fifo(dir / "pipe"));
  EXPECT_EQ(replace_file(dir / "none/f", "x", 0600).code(), StatusCode::unavailable);
}

TEST(DurableFile, IsNotLedElsewhereByALinkInPlaceOfItsTemporaryFile) {
  const TempDir dir;
  ASSERT_TRUE(replace_file(dir / "f", "old", 0600).ok());
  std::filesystem::create_symlink(dir / "elsewhere", dir / "f.new");
  EXPECT_EQ(replace_file(dir / "f", "new", 0600).code(), StatusCode::unavailable);
  EXPECT_EQ(*read_whole_file(dir / "f", 10), "old");
}

TEST(DurableFile, MakesANewFileOnlyWhereThereIsNone) {
  const TempDir dir;
  ASSERT_TRUE(create_file(dir / "f", "one", 0600).ok());
  EXPECT_EQ(mode_of(dir / "f"), 0600u);
  EXPECT_EQ(create_file(dir / "f", "two", 0600).code(), StatusCode::already_exists);
  EXPECT_EQ(*read_whole_file(dir / "f", 10), "one");
  std::filesystem::create_symlink(dir / "elsewhere", dir / "link");
  EXPECT_EQ(create_file(dir / "link", "two", 0600).code(), StatusCode::already_exists);
  EXPECT_FALSE(std::filesystem::exists(dir / "elsewhere"));
}

}  // namespace
}  // namespace sluice
