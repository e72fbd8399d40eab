#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "fakes/fake_clock.h"
#include "store/store_file.h"
#include "unit/store/scratch.h"

namespace sluice::storage {

/// Tests of a part of the database that open it as a whole, damage it, and open it again.
class StoreFileTest : public ::testing::Test {
 protected:
  std::unique_ptr<StoreFile> open() {
    auto file = StoreFile::open(options_, clock_);
    EXPECT_TRUE(file.ok()) << file.status().to_string();
    return file.ok() ? *std::move(file) : nullptr;
  }
  /// Commits groups `first`..`last`.
  static void commit(StoreFile& file, std::uint64_t first, std::uint64_t last) {
    for (std::uint64_t n = first; n <= last; ++n) {
      CommitGroup group = numbered_group(n);
      ASSERT_TRUE(file.commit(&group, {}).ok());
    }
  }
  static std::vector<std::uint64_t> replayed(StoreFile& file) {
    std::vector<std::uint64_t> numbers;
    EXPECT_TRUE(file.replay([&](const Segment& segment) {
                      for (const LogEntry& entry : segment.entries) {
                        numbers.push_back(std::get<BatchEntry>(entry).fingerprints.at(0).hash);
                      }
                      return Status();
                    })
                    .ok());
    return numbers;
  }
  static std::vector<Gap> gaps(StoreFile& file) {
    std::vector<Gap> found;
    const auto rows = file.read_gaps(0, 100);
    EXPECT_TRUE(rows.ok()) << rows.status().to_string();
    for (const GapRow& row : rows.ok() ? *rows : std::vector<GapRow>()) {
      EXPECT_EQ(row.epoch, file.epoch());
      found.push_back(row.gap);
    }
    return found;
  }
  ScratchDir dir_;
  StoreOptions options_ = options_for(dir_);
  FakeClock clock_;
};

/// A group that ends the epoch, closing one pane of it.
inline CommitGroup ending_group(std::uint64_t number, bool takes_rows_along) {
  CommitGroup group = numbered_group(number);
  close_panes(group, "room", 1, "closed by the end");
  group.outbox.back().of_ended_epoch = true;
  close_panes(group, "room", 1, "of the next epoch");
  group.epoch_end = EpochEnd{0, takes_rows_along};
  group.checkpoint = std::vector<CheckpointPart>{{"part", std::to_string(number)}};
  return group;
}

inline std::vector<std::pair<std::string, std::string>> rows_by_epoch(StoreFile& file) {
  std::vector<std::pair<std::string, std::string>> rows;
  std::int64_t after = 0;
  for (;;) {
    const auto page = file.read_outbox(after, 1);
    EXPECT_TRUE(page.ok());
    if (!page.ok() || page->empty()) return rows;
    rows.emplace_back(page->front().identity.epoch, page->front().bytes);
    after = page->front().seq;
  }
}

}  // namespace sluice::storage
