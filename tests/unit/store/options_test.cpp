#include "store/options.h"

#include <gtest/gtest.h>

#include <cmath>

namespace sluice::storage {
namespace {

TEST(Options, AQuotaOrAShareThatCannotWorkIsRefused) {
  StoreOptions options;
  EXPECT_TRUE(check(options).ok());
  options.quota_bytes = (1 << 20) - 1;
  EXPECT_EQ(check(options).code(), StatusCode::invalid_argument);
  options.quota_bytes = 1 << 20;
  EXPECT_TRUE(check(options).ok());
  for (const double share : {-0.1, 1.1, std::nan("")}) {
    options.raw_share = share;
    EXPECT_EQ(check(options).code(), StatusCode::invalid_argument) << share;
  }
}

TEST(Options, WhatTheyNameIsTakenBeforeWhatTheSystemHas) {
  StoreOptions options;
  EXPECT_EQ(&files_of(options), &system_files());
  options.machine_id = "machine-a";
  EXPECT_EQ(machine_id(options), "machine-a");
  options.random = [] { return std::uint64_t{7}; };
  EXPECT_EQ(random_bits(options), 7u);
}

TEST(Options, TheSystemsRandomBitsDifferEachTime) {
  EXPECT_NE(random_bits(StoreOptions()), random_bits(StoreOptions()));
}

}  // namespace
}  // namespace sluice::storage
