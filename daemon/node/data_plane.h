#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/clock_trust.h"
#include "base/mutex.h"
#include "base/status.h"
#include "ingest/json_decoder.h"
#include "model/ports.h"
#include "model/series.h"
#include "pipeline/engine.h"
#include "sluice/v1/config.pb.h"
#include "store/store.h"
#include "sync/summary_encoder.h"

namespace sluice {

/// Store, tables, decoder and engine as one: all that state lives in and all that a restart must
/// bring back. It knows no broker and no hub, so that a simulation runs what the daemon runs.
///
/// Order: open, recover, then start the store and the engine; to stop, the engine first.
/// Thread: the owner's; the rooms bring their own.
class DataPlane {
 public:
  /// Opens the store and reads what was durable. `config`, `clock` and `trust` (null: the wall
  /// clock is never believed) are borrowed for life. Of `engine` the config is filled in here.
  /// `invalid_argument` and `failed_precondition` mean that trying again will not help.
  static Result<std::unique_ptr<DataPlane>> open(const v1::Config& config, Clock& clock,
                                                 const StoreOptions& store,
                                                 const EngineOptions& engine,
                                                 ClockTrust* trust = nullptr);

  /// Builds the engine over `messages` and brings its state back: last checkpoint, replay, and the
  /// change of config if there was one. Once.
  Status recover(MessageSource& messages);

  /// The files of all plugins are loaded anew, and the stages replaced, see Engine.
  Result<std::vector<StageReplacement>> reload_plugins(bool begins_anew);

  /// Goes over to `next` while data flows, when only pipelines differ and the store has room for
  /// their state; see Engine. `out_of_range`: it takes a new start.
  Status change_config(const v1::Config& next);
  /// What runs. Any thread.
  std::shared_ptr<const v1::Config> running() const;

  Store& store() { return *store_; }
  Engine& engine() { return *engine_; }
  const SeriesTable& series() const { return series_; }
  const TopicTable& topics() const { return topics_; }

 private:
  DataPlane(const v1::Config& config, Clock& clock, const EngineOptions& engine, ClockTrust* trust);
  Status load(const StoreOptions& options);
  void set_capacity(const v1::Config& config);
  Status check_room() const;

  const v1::Config& config_;
  Clock& clock_;
  ClockTrust* trust_;
  EngineOptions engine_options_;
  SeriesTable series_;
  TopicTable topics_;
  ProtoSummaryEncoder encoder_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<JsonDecoder> decoder_;
  Recovered recovered_;
  v1::Config previous_;  ///< the config that the durable state belongs to
  bool changed_ = false;
  std::uint64_t store_checkpoint_bytes_ = 0;
  std::unique_ptr<Engine> engine_;
  mutable Mutex mutex_;
  std::shared_ptr<const v1::Config> running_ SLUICE_GUARDED_BY(mutex_);
};

}  // namespace sluice
