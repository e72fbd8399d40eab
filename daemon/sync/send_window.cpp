#include "sync/send_window.h"

#include <string>
#include <utility>

namespace sluice {

std::uint64_t SendWindow::add(std::vector<std::int64_t> seqs, std::size_t bytes) {
  bytes_ += bytes;
  batches_.push_back(Batch{++last_no_, std::move(seqs), bytes});
  return last_no_;
}

Result<std::vector<std::int64_t>> SendWindow::acknowledge(std::uint64_t batch_no) {
  if (batch_no > last_no_) {
    return failed_precondition("the hub acknowledged batch " + std::to_string(batch_no) +
                               ", the last one sent is " + std::to_string(last_no_));
  }
  std::vector<std::int64_t> seqs;
  while (!batches_.empty() && batches_.front().no <= batch_no) {
    const Batch& batch = batches_.front();
    seqs.insert(seqs.end(), batch.seqs.begin(), batch.seqs.end());
    bytes_ -= batch.bytes;
    batches_.pop_front();
  }
  return seqs;
}

}  // namespace sluice
