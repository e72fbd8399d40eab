#include "sync/batch_builder.h"

#include <limits>
#include <utility>

#include "base/log.h"
#include "sluice/v1/summary.pb.h"

namespace sluice {
namespace {

void warn(const OutboxRow& row, const std::string& what) {
  log::warn("sync", "a row that the hub will not be able to read goes as it is",
            {{"seq", row.seq}, {"pipeline", row.pipeline}, {"why", what}});
}

}  // namespace

void BatchBuilder::define_series(const OutboxRow& row, std::deque<Outgoing>& out) {
  v1::SummaryBlock block;
  if (row.bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()) ||
      !block.ParseFromString(row.bytes)) {
    return warn(row, "it is not a SummaryBlock");
  }
  for (const std::uint32_t id : block.series_id()) {
    if (!definer_.define(id, out)) warn(row, "it names the unknown series " + std::to_string(id));
  }
}

Result<std::deque<Outgoing>> BatchBuilder::next(std::size_t bytes_max) {
  auto rows = source_.read_outbox(last_seq_, bytes_max);
  if (!rows.ok()) return rows.status();
  std::deque<Outgoing> out;
  at_other_identity_ = !rows->empty() && !(rows->front().identity == identity_);
  if (at_other_identity_) return out;
  for (const OutboxRow& row : *rows) define_series(row, out);
  if (rows->empty()) return out;
  Outgoing batch;
  for (OutboxRow& row : *rows) {
    SLUICE_ASSERT(row.seq > last_seq_);
    last_seq_ = row.seq;
    batch.seqs.push_back(row.seq);
    batch.bytes += row.bytes.size();
    v1::SummaryRow& sent = *batch.message.mutable_batch()->add_rows();
    sent.set_seq(row.seq);
    sent.set_block(std::move(row.bytes));
  }
  out.push_back(std::move(batch));
  return out;
}

}  // namespace sluice
