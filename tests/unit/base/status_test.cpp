#include "base/status.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace sluice {
namespace {

TEST(Status, IsOkByDefaultAndCostsOnePointer) {
  const Status status;
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(status.code(), StatusCode::ok);
  EXPECT_EQ(status.message(), "");
  EXPECT_EQ(status.to_string(), "ok");
  static_assert(sizeof(Status) == sizeof(void*));
}

TEST(Status, CarriesItsCodeAndSentenceThroughCopies) {
  Status first = resource_exhausted("the disk quota is spent");
  Status copy = first;
  first = Status();
  EXPECT_TRUE(first.ok());
  EXPECT_EQ(copy.code(), StatusCode::resource_exhausted);
  EXPECT_EQ(copy.to_string(), "resource_exhausted: the disk quota is spent");
  copy = *&copy;
  EXPECT_EQ(copy.message(), "the disk quota is spent");
}

TEST(Status, HasNoMessageWhenItIsMadeOk) { EXPECT_TRUE(Status(StatusCode::ok, "ignored").ok()); }

// Retry policy and the wire read the numbers: they are gRPC's.
TEST(Status, KeepsTheNumbersAndNamesOfTheField) {
  EXPECT_EQ(static_cast<int>(StatusCode::unavailable), 14);
  EXPECT_EQ(static_cast<int>(StatusCode::unauthenticated), 16);
  EXPECT_EQ(status_code_name(StatusCode::data_loss), "data_loss");
  EXPECT_EQ(status_code_name(StatusCode::unauthenticated), "unauthenticated");
  EXPECT_EQ(not_found("x").code(), StatusCode::not_found);
  EXPECT_EQ(invalid_argument("x").code(), StatusCode::invalid_argument);
  EXPECT_EQ(already_exists("x").code(), StatusCode::already_exists);
  EXPECT_EQ(failed_precondition("x").code(), StatusCode::failed_precondition);
  EXPECT_EQ(unavailable("x").code(), StatusCode::unavailable);
  EXPECT_EQ(internal_error("x").code(), StatusCode::internal);
}

TEST(Result, HoldsAValueOrTheReasonWhyNot) {
  Result<std::unique_ptr<int>> value = std::make_unique<int>(7);
  ASSERT_TRUE(value.ok());
  EXPECT_TRUE(value.status().ok());
  EXPECT_EQ(**value, 7);
  const std::unique_ptr<int> moved = *std::move(value);
  EXPECT_EQ(*moved, 7);
  const Result<std::string> failure = data_loss("row 3");
  EXPECT_FALSE(failure.ok());
  EXPECT_EQ(failure.status().code(), StatusCode::data_loss);
}

TEST(ResultDeathTest, StopsTheProgramWhenAFailureIsReadAsAValue) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const Result<int> failure = not_found("nothing");
  EXPECT_DEATH(static_cast<void>(*failure), "assertion failed");
}

}  // namespace
}  // namespace sluice
