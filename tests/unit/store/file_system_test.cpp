#include "store/file_system.h"

#include <gtest/gtest.h>

#include <fstream>

#include "unit/store/scratch.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;
using storage::ScratchDir;

TEST(SystemFiles, MakesAFolderWithItsParentsClosedToOthers) {
  const ScratchDir dir;
  const std::string folder = dir.path() + "/a/b";
  ASSERT_TRUE(system_files().make_directory(folder).ok());
  EXPECT_EQ(fs::status(folder).permissions(), fs::perms::owner_all);
  EXPECT_TRUE(system_files().make_directory(folder).ok()) << "it is there already";
}

TEST(SystemFiles, SaysWhyAFolderCannotBeMade) {
  const ScratchDir dir;
  ASSERT_TRUE(system_files().create(dir.path() + "/file").ok());
  const Status status = system_files().make_directory(dir.path() + "/file/folder");
  EXPECT_EQ(status.code(), StatusCode::unavailable);
  EXPECT_NE(status.message().find(dir.path() + "/file/folder"), std::string::npos);
}

TEST(SystemFiles, MakesRenamesListsAndDeletesFiles) {
  const ScratchDir dir;
  FileSystem& files = system_files();
  const std::string one = dir.path() + "/one";
  const std::string two = dir.path() + "/two";
  std::ofstream(one) << "text";
  ASSERT_TRUE(files.create(one).ok());
  EXPECT_EQ(fs::file_size(one), 0u);
  files.close_to_others(one);
  EXPECT_EQ(fs::status(one).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  ASSERT_TRUE(files.rename(one, two).ok());
  EXPECT_TRUE(files.sync_directory(dir.path()).ok());
  EXPECT_FALSE(files.exists(one));
  EXPECT_TRUE(files.exists(two));
  EXPECT_EQ(files.list(dir.path()), std::vector<std::string>{"two"});
  EXPECT_TRUE(files.remove(two).ok());
  EXPECT_EQ(files.remove(two).code(), StatusCode::not_found);
  EXPECT_EQ(files.rename(two, one).code(), StatusCode::unavailable);
  EXPECT_TRUE(files.list(dir.path() + "/nowhere").empty());
  EXPECT_EQ(files.sync_directory(dir.path() + "/nowhere").code(), StatusCode::unavailable);
  EXPECT_EQ(files.create(dir.path() + "/nowhere/one").code(), StatusCode::unavailable);
}

}  // namespace
}  // namespace sluice
