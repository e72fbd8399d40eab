#include "plugin_host/host_services.h"

#include <gtest/gtest.h>

#include <vector>

namespace sluice {
namespace {

class HostServicesTest : public ::testing::Test {
 protected:
  SeriesTable table_{3};
  SeriesId id_ = table_.intern({"temperature", "Cel", {{"room", "a"}, {"void", ""}}});
  HostServices services_{table_, "p", "s", "x"};
  const sluice_host* host_ = services_.host();
};

TEST_F(HostServicesTest, TellsWhatASeriesIs) {
  EXPECT_STREQ(host_->series_measurement(host_, id_), "temperature");
  EXPECT_STREQ(host_->series_unit(host_, id_), "Cel");
  EXPECT_STREQ(host_->series_label(host_, id_, "room"), "a");
  EXPECT_STREQ(host_->series_label(host_, id_, "void"), "");
  EXPECT_EQ(host_->series_label(host_, id_, "floor"), nullptr);
}

TEST_F(HostServicesTest, KnowsNothingOfIdsNeverGivenOut) {
  for (const std::uint32_t id : {0u, 2u, UINT32_MAX}) {
    EXPECT_EQ(host_->series_measurement(host_, id), nullptr);
    EXPECT_EQ(host_->series_unit(host_, id), nullptr);
    EXPECT_EQ(host_->series_label(host_, id, "room"), nullptr);
    services_.set_in_call(true);
    EXPECT_EQ(host_->derive_series(host_, id, nullptr, "K"), 0u);
  }
  EXPECT_EQ(host_->series_label(host_, id_, nullptr), nullptr);
}

TEST_F(HostServicesTest, DerivesTheSameSeriesForTheSameArguments) {
  services_.set_in_call(true);
  const std::uint32_t kelvin = host_->derive_series(host_, id_, nullptr, "K");
  EXPECT_EQ(table_.at(kelvin), (Series{"temperature", "K", {{"room", "a"}, {"void", ""}}}));
  EXPECT_EQ(host_->derive_series(host_, id_, nullptr, "K"), kelvin);
  EXPECT_EQ(host_->derive_series(host_, id_, nullptr, nullptr), id_);
  const std::uint32_t rate = host_->derive_series(host_, id_, "rate", "");
  EXPECT_EQ(table_.at(rate).measurement, "rate");
  EXPECT_EQ(host_->derive_series(host_, id_, "one_too_many", nullptr), 0u);
}

TEST_F(HostServicesTest, RefusesToDeriveOutsideACallAndFromBadText) {
  EXPECT_EQ(host_->derive_series(host_, id_, "rate", nullptr), 0u);
  services_.set_in_call(true);
  for (const char* bad : {"", "\xff", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80"}) {
    EXPECT_EQ(host_->derive_series(host_, id_, bad, nullptr), 0u);
  }
  EXPECT_EQ(host_->derive_series(host_, id_, std::string(129, 'x').c_str(), nullptr), 0u);
  EXPECT_EQ(host_->derive_series(host_, id_, nullptr, std::string(65, 'x').c_str()), 0u);
  EXPECT_EQ(table_.size(), 1u);
  EXPECT_NE(host_->derive_series(host_, id_, "größe €😀", nullptr), 0u);
}

// The buffer has no NUL and ends where the 512 bytes do: the sanitizer sees any byte read beyond.
TEST_F(HostServicesTest, ReadsNoMoreThan512BytesOfALogLine) {
  const std::vector<char> endless(512, 'x');
  host_->log(host_, SLUICE_LOG_ERROR, nullptr);
  host_->log(host_, 4711, endless.data());
}

}  // namespace
}  // namespace sluice
