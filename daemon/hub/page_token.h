#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"

namespace sluice::v1 {
class ListSummariesRequest;
}

namespace sluice::hub {

/// Where a page of summaries ended.
struct PageEnd {
  std::int64_t start_ns = 0;
  std::int64_t pane_id = 0;
};

/// The opaque text a caller gives back for the next page. It is bound to the filters and the order
/// of `request`; its limit may differ from page to page.
std::string make_page_token(const v1::ListSummariesRequest& request, const PageEnd& end);

/// `invalid_argument` when request.page_token() was not made for the filters beside it.
Result<PageEnd> read_page_token(const v1::ListSummariesRequest& request);

}  // namespace sluice::hub
