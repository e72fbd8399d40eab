#include "sync/row_pace.h"

namespace sluice {

void RowPace::sent(std::uint64_t batch_no, std::size_t bytes_under_way, std::int64_t now_ns) {
  batches_.push_back({batch_no, bytes_under_way >= bytes_ / 2, now_ns});
}

void RowPace::acknowledged(std::uint64_t batch_no, std::int64_t now_ns) {
  Batch last;
  while (!batches_.empty() && batches_.front().no <= batch_no) {
    last = batches_.front();
    batches_.pop_front();
  }
  if (last.no == 0) return;  // a repeat
  const std::int64_t took_ns = now_ns - last.sent_ns;
  shortest_ns_ = std::min(shortest_ns_, took_ns);
  if (!last.fills || last.no < judged_from_) return;
  if (took_ns - shortest_ns_ <= kQueue_ns) {
    bytes_ = std::min(bytes_max_, bytes_ + bytes_ / 8);
    return;
  }
  bytes_ = std::min(bytes_max_, std::max(kBytesMin, bytes_ / 2));
  judged_from_ = (batches_.empty() ? last.no : batches_.back().no) + 1;
}

}  // namespace sluice
