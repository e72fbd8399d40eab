// Grows the database of a stopped daemon to a size, with the store's own code: as if it had run for
// long. Usage: fill_store DIR QUOTA_MIB SIZE_MIB.
//
// A quarter is copies of an outbox row that waits there, the rest raw segments with readings of the
// known series. All of it lies behind a checkpoint equal to the last one, so the state is the same.
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <random>

#include "base/clock.h"
#include "store/store.h"

namespace {

using namespace sluice;

constexpr std::size_t kReadingsPerSegment = 2000;

BatchEntry random_batch(std::size_t series, std::int64_t& time_ns, std::minstd_rand& random) {
  BatchEntry batch;
  for (std::size_t i = 0; i < kReadingsPerSegment; ++i) {
    Reading reading;
    reading.series = static_cast<SeriesId>(1 + random() % series);
    reading.topic = reading.series;
    reading.event_time_ns = time_ns += 1'000'000;
    reading.value = Value::of(static_cast<std::int64_t>(random() % 100'000));
    batch.readings.append(reading);
  }
  return batch;
}

int fail(const Status& status) {
  std::fprintf(stderr, "fill_store: %s\n", status.to_string().c_str());
  return 1;
}

void submit(Store& store, CommitGroup group) {
  while (!store.try_submit(group)) {
    const timespec pause{0, 200'000};
    nanosleep(&pause, nullptr);
  }
}

CommitGroup outbox_group(const OutboxRow& row) {
  CommitGroup group;
  const auto panes = static_cast<std::int64_t>(row.panes);
  for (int i = 0; i < 64; ++i) {
    group.outbox.push_back(row);
    group.segment.ledger.add(LedgerKind::panes, row.pipeline, Term::closed, panes);
    group.segment.ledger.add(LedgerKind::panes, row.pipeline, Term::outbox, panes);
  }
  return group;
}

int fill(const StoreOptions& options, std::uint64_t size_bytes) {
  SystemClock clock;
  auto opened = Store::open(options, clock);
  if (!opened.ok()) return fail(opened.status());
  Store& store = **opened;
  auto recovered = store.load();
  if (!recovered.ok()) return fail(recovered.status());
  if (recovered->segments_after_checkpoint > 0 || recovered->series.empty()) {
    std::fprintf(stderr, "fill_store: stop the daemon cleanly, after it took readings\n");
    return 1;
  }
  store.start();
  auto rows = store.read_outbox(0, 1);
  if (!rows.ok()) return fail(rows.status());
  std::minstd_rand random(1);
  std::int64_t time_ns = 1'600'000'000'000'000'000;
  while (store.stats().bytes < size_bytes) {
    CommitGroup group;
    group.segment.entries.emplace_back(random_batch(recovered->series.size(), time_ns, random));
    submit(store, std::move(group));
    if (!rows->empty() && store.stats().bytes - store.stats().raw_bytes < size_bytes / 4) {
      submit(store, outbox_group(rows->front()));
    }
  }
  CommitGroup last;
  last.checkpoint = recovered->checkpoint;
  submit(store, std::move(last));
  store.stop();
  std::printf("%llu MiB, %zu series, %llu outbox rows\n",
              static_cast<unsigned long long>(store.stats().bytes >> 20), recovered->series.size(),
              static_cast<unsigned long long>(store.stats().outbox_rows));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  StoreOptions options;
  options.dir = argv[1];
  options.quota_bytes = std::strtoull(argv[2], nullptr, 10) << 20;
  options.raw_share = 0.9;
  return fill(options, std::strtoull(argv[3], nullptr, 10) << 20);
}
