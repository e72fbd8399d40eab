#include "hub/page_token.h"

#include <gtest/gtest.h>

#include <limits>

#include "sluice/v1/hub.pb.h"

namespace sluice::hub {
namespace {

v1::ListSummariesRequest sample_request() {
  v1::ListSummariesRequest request;
  request.set_node("plant-7");
  request.set_measurement("temperature");
  return request;
}

TEST(PageToken, LeadsBackToWhereThePageEnded) {
  v1::ListSummariesRequest request = sample_request();
  const PageEnd end{std::numeric_limits<std::int64_t>::min(), 42};
  request.set_page_token(make_page_token(request, end));
  request.set_limit(17);
  const auto read = read_page_token(request);
  ASSERT_TRUE(read.ok()) << read.status().to_string();
  EXPECT_EQ(read->time_ns, end.time_ns);
  EXPECT_EQ(read->id, end.id);
}

TEST(PageToken, IsRefusedBesideOtherFilters) {
  const std::string token = make_page_token(sample_request(), {1, 2});
  const auto refused = [&token](auto change) {
    v1::ListSummariesRequest request = sample_request();
    request.set_page_token(token);
    change(request);
    return read_page_token(request).status().code() == StatusCode::invalid_argument;
  };
  EXPECT_FALSE(refused([](auto&) {}));
  EXPECT_TRUE(refused([](auto& r) { r.set_node("plant-8"); }));
  EXPECT_TRUE(refused([](auto& r) { r.set_pipeline("p"); }));
  EXPECT_TRUE(refused([](auto& r) { r.clear_measurement(); }));
  EXPECT_TRUE(refused([](auto& r) { r.set_from_ns(1); }));
  EXPECT_TRUE(refused([](auto& r) { r.set_to_ns(1); }));
  EXPECT_TRUE(refused([](auto& r) { r.set_oldest_first(true); }));
}

TEST(PageToken, OfGapsIsBoundToTheirFiltersAndToGaps) {
  v1::ListGapsRequest request;
  request.set_node("plant-7");
  request.set_page_token(make_page_token(request, {5, 6}));
  ASSERT_TRUE(read_page_token(request).ok());
  EXPECT_EQ(read_page_token(request)->time_ns, 5);
  EXPECT_EQ(read_page_token(request)->id, 6);
  v1::ListSummariesRequest summaries;
  summaries.set_node("plant-7");
  summaries.set_page_token(request.page_token());
  EXPECT_FALSE(read_page_token(summaries).ok());
  request.set_cause("parked");
  EXPECT_FALSE(read_page_token(request).ok());
}

TEST(PageToken, OfUnreadRowsIsBoundToTheirFiltersAndToThem) {
  v1::ListUnreadRequest request;
  request.set_node("plant-7");
  request.set_page_token(make_page_token(request, {5, 6}));
  ASSERT_TRUE(read_page_token(request).ok());
  v1::ListGapsRequest gaps;
  gaps.set_node("plant-7");
  gaps.set_page_token(request.page_token());
  EXPECT_FALSE(read_page_token(gaps).ok());
  request.clear_node();
  EXPECT_FALSE(read_page_token(request).ok());
}

TEST(PageToken, IsRefusedWhenCutOrDamaged) {
  v1::ListSummariesRequest request = sample_request();
  const std::string token = make_page_token(request, {1'700'000'000'000'000'000, 2});
  for (std::size_t size = 1; size < token.size(); ++size) {
    request.set_page_token(token.substr(0, size));
    EXPECT_FALSE(read_page_token(request).ok()) << size;
  }
  for (const char* wrong : {"x", "no", "0", "00", "FF"}) {
    request.set_page_token(wrong);
    EXPECT_FALSE(read_page_token(request).ok()) << wrong;
    request.set_page_token(token + wrong);
    EXPECT_FALSE(read_page_token(request).ok()) << wrong;
  }
}

TEST(PageToken, OfEventsIsBoundToTheirFiltersAndToThem) {
  v1::ListEventsRequest request;
  request.set_node("plant-7");
  request.set_page_token(make_page_token(request, {5, 6}));
  ASSERT_TRUE(read_page_token(request).ok());
  EXPECT_EQ(read_page_token(request)->time_ns, 5);
  v1::ListGapsRequest gaps;
  gaps.set_node("plant-7");
  gaps.set_page_token(request.page_token());
  EXPECT_FALSE(read_page_token(gaps).ok());
  const auto refused = [&](auto change) {
    v1::ListEventsRequest other = request;
    change(other);
    return !read_page_token(other).ok();
  };
  EXPECT_TRUE(refused([](auto& r) { r.clear_node(); }));
  EXPECT_TRUE(refused([](auto& r) { r.set_pipeline("p"); }));
  EXPECT_TRUE(refused([](auto& r) { r.set_name("hot"); }));
  EXPECT_TRUE(refused([](auto& r) { r.set_severity_min(v1::EVENT_SEVERITY_WARN); }));
  EXPECT_TRUE(refused([](auto& r) { r.set_from_ns(1); }));
  EXPECT_TRUE(refused([](auto& r) { r.set_to_ns(1); }));
  EXPECT_TRUE(refused([](auto& r) { r.set_oldest_first(true); }));
  EXPECT_TRUE(refused([](auto& r) { r.set_by_arrival(true); }));
  EXPECT_TRUE(refused([](auto& r) { r.set_after_number(1); }));
  EXPECT_FALSE(refused([](auto& r) { r.set_limit(7); }));
}

}  // namespace
}  // namespace sluice::hub
