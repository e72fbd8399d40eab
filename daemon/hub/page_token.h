#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"

namespace sluice::v1 {
class ListGapsRequest;
class ListSummariesRequest;
class ListUnreadRequest;
}  // namespace sluice::v1

namespace sluice::hub {

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

/// `invalid_argument` when request.page_token() was not made for the filters beside it.
Result<PageEnd> read_page_token(const v1::ListSummariesRequest& request);
Result<PageEnd> read_page_token(const v1::ListGapsRequest& request);
Result<PageEnd> read_page_token(const v1::ListUnreadRequest& request);

}  // namespace sluice::hub
