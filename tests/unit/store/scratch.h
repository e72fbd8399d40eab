#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <mutex>
#include <random>
#include <string>

#include "model/log.h"
#include "store/database.h"
#include "store/types.h"

namespace sluice::storage {

/// A folder of the test's own, gone afterwards.
class ScratchDir {
 public:
  ScratchDir() {
    std::string pattern = ::testing::TempDir() + "/sluice-store-XXXXXX";
    path_ = ::mkdtemp(pattern.data());
  }
  ~ScratchDir() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  const std::string& path() const { return path_; }
  std::string database() const { return path_ + "/sluice.sqlite"; }

 private:
  std::string path_;
};

inline StoreOptions options_for(const ScratchDir& dir) {
  StoreOptions options;
  options.dir = dir.path();
  options.quota_bytes = 8 << 20;
  options.commit_retry_max = std::chrono::milliseconds(20);
  options.machine_id = "machine-a";
  return options;
}

/// A random seed that a failing test shows.
inline std::uint64_t fresh_seed() { return std::random_device{}(); }

/// Waits for another thread to make it true; false after a minute.
inline bool eventually(const std::function<bool()>& holds) {
  std::mutex mutex;
  std::condition_variable never;
  std::unique_lock lock(mutex);
  const auto until = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!holds()) {
    if (std::chrono::steady_clock::now() > until) return false;
    never.wait_for(lock, std::chrono::milliseconds(1));
  }
  return true;
}

/// Readings as sensors send them: a few series, decimals, stamps every second with jitter in ms.
inline ReadingBatch sensor_batch(std::mt19937_64& random, std::size_t rows, unsigned series = 10) {
  ReadingBatch batch;
  std::int64_t now_ms = 1'700'000'000'000;
  for (std::size_t i = 0; i < rows; ++i) {
    const auto id = static_cast<SeriesId>(1 + random() % series);
    now_ms += static_cast<std::int64_t>(random() % 5);
    const double value = static_cast<double>(2000 + id * 10 + random() % 30) / 100.0;
    batch.append({id, 1 + id % 3, now_ms * 1'000'000, Value::of(value), Quality::good});
  }
  return batch;
}

/// Any bits in any column.
inline ReadingBatch wild_batch(std::mt19937_64& random, std::size_t rows) {
  ReadingBatch batch;
  for (std::size_t i = 0; i < rows; ++i) {
    Value value{static_cast<ValueKind>(random() % 4), random() >> (random() % 64)};
    if (random() % 3 == 0) value.bits = random() % 2 == 0 ? 0x8000000000000000 : 0x7FF0000000000001;
    batch.append({static_cast<SeriesId>(random() >> (random() % 64)),
                  static_cast<TopicId>(random() >> (random() % 64)),
                  static_cast<std::int64_t>(random() >> (random() % 64)), value,
                  static_cast<Quality>(random() % 3)});
  }
  return batch;
}

/// Group `number`: one message with one fingerprint; its ledger balances.
inline CommitGroup numbered_group(std::uint64_t number) {
  CommitGroup group;
  BatchEntry entry;
  entry.boottime_ns = static_cast<std::int64_t>(number);
  entry.fingerprints = {{0, 1, false, number}};
  entry.readings.append({1, 1, static_cast<std::int64_t>(number), Value::of(20.5), Quality::good});
  group.segment.entries = {entry};
  group.segment.ledger.add(LedgerKind::messages, "mqtt/1", Term::received, 1);
  group.segment.ledger.add(LedgerKind::messages, "mqtt/1", Term::decoded, 1);
  group.acks = {{0, 1, number}};
  return group;
}

/// Adds an outbox row of `panes` panes, as the pipeline does.
inline void close_panes(CommitGroup& group, const std::string& pipeline, std::uint32_t panes,
                        std::string bytes) {
  group.outbox.push_back({0, pipeline, panes, 10, 20, std::move(bytes)});
  group.segment.ledger.add(LedgerKind::panes, pipeline, Term::closed, panes);
  group.segment.ledger.add(LedgerKind::panes, pipeline, Term::outbox, panes);
}

inline ToldEvent event_of(const std::string& pipeline, std::int64_t time_ns,
                          std::string message = "too hot") {
  ToldEvent told;
  told.event = {3,
                1,
                time_ns,
                Severity::error,
                EventPhase::begin,
                "too_hot",
                std::move(message),
                {{"value", "81.5"}, {"threshold", "80"}}};
  told.pipeline = pipeline;
  told.stage = "alert";
  return told;
}

/// Adds an event, as the pipeline does.
inline void tell(CommitGroup& group, ToldEvent told) {
  group.segment.ledger.add(LedgerKind::events, told.pipeline, Term::told, 1);
  group.segment.ledger.add(LedgerKind::events, told.pipeline, Term::waiting, 1);
  group.events.push_back(std::move(told));
}

inline std::string random_bytes(std::mt19937_64& random, std::size_t size) {
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>(random());
  return bytes;
}

/// Runs SQL against a database that nobody has open.
inline void tamper(const ScratchDir& dir, const std::string& sql) {
  auto database = Database::open(dir.database());
  ASSERT_TRUE(database.ok());
  const Status status = database->execute(sql);
  ASSERT_TRUE(status.ok()) << status.to_string();
}

}  // namespace sluice::storage
