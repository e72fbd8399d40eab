#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"

namespace sluice::v1 {
class ListEventsRequest;
class ListGapsRequest;
class ListSummariesRequest;
class ListUnreadRequest;
class MergeSummariesRequest;
}  // namespace sluice::v1

namespace sluice::hub {

/// Rows of a page that asks for 0, and at most.
inline constexpr std::uint32_t kPageRowsDefault = 100;
inline constexpr std::uint32_t kPageRowsMax = 100'000;

inline std::uint32_t rows_wanted(std::uint32_t limit) {
  return limit == 0 ? kPageRowsDefault : limit;
}
/// `invalid_argument` in words for who asked.
Status check_limit(std::uint32_t limit);
/// 0 is open.
Status check_range(std::int64_t from_ns, std::int64_t to_ns);

/// Where a page ended: the row's place in time, and its id among those of the same place.
struct PageEnd {
  std::int64_t time_ns = 0;
  std::int64_t id = 0;
};

/// The opaque text a caller gives back for the next page. It is bound to the filters and the order
/// of `request`; its limit may differ from page to page.
std::string make_page_token(const v1::ListSummariesRequest& request, const PageEnd& end);
std::string make_page_token(const v1::ListGapsRequest& request, const PageEnd& end);
std::string make_page_token(const v1::ListUnreadRequest& request, const PageEnd& end);
std::string make_page_token(const v1::ListEventsRequest& request, const PageEnd& end);
/// `end.id` is the number of rows of the merged window at `end.time_ns` that were given out.
std::string make_page_token(const v1::MergeSummariesRequest& request, const PageEnd& end);

/// `invalid_argument` when request.page_token() was not made for the filters beside it.
Result<PageEnd> read_page_token(const v1::ListSummariesRequest& request);
Result<PageEnd> read_page_token(const v1::ListGapsRequest& request);
Result<PageEnd> read_page_token(const v1::ListUnreadRequest& request);
Result<PageEnd> read_page_token(const v1::ListEventsRequest& request);
Result<PageEnd> read_page_token(const v1::MergeSummariesRequest& request);

}  // namespace sluice::hub
