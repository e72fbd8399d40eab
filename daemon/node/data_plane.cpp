#include "node/data_plane.h"

#include <malloc.h>

#include <utility>

#include "base/log.h"
#include "node/compose.h"
#include "node/state_budget.h"
#include "schema/spec_hash.h"

namespace sluice {
namespace {

constexpr auto kChangeTimeout = std::chrono::seconds(30);

/// Fills a table with what the store has; the ids must come out as they were.
template <typename Table, typename Decode>
Status fill_table(Table& table, const std::vector<Definition>& definitions, Decode decode) {
  for (const Definition& definition : definitions) {
    auto value = decode(definition.bytes);
    if (!value.ok()) return value.status();
    if (table.restore(*value) != definition.id) {
      return data_loss("definitions in the database are not numbered 1, 2, 3 …");
    }
  }
  return {};
}

std::string config_part(const std::vector<CheckpointPart>& parts) {
  for (const CheckpointPart& part : parts) {
    if (part.name == "config") return part.bytes;
  }
  return {};
}

}  // namespace

DataPlane::DataPlane(const v1::Config& config, Clock& clock, const EngineOptions& engine,
                     ClockTrust* trust)
    : config_(config),
      clock_(clock),
      trust_(trust),
      engine_options_(engine),
      series_(config.limits().series_max()),
      topics_(config.limits().series_max()),
      running_(std::make_shared<const v1::Config>(config)) {}

Result<std::unique_ptr<DataPlane>> DataPlane::open(const v1::Config& config, Clock& clock,
                                                   const StoreOptions& store,
                                                   const EngineOptions& engine, ClockTrust* trust) {
  std::unique_ptr<DataPlane> plane(new DataPlane(config, clock, engine, trust));
  if (Status s = plane->load(store); !s.ok()) return s;
  return plane;
}

Status DataPlane::load(const StoreOptions& options) {
  store_checkpoint_bytes_ = options.checkpoint_bytes_max;
  Result<std::unique_ptr<Store>> store = Store::open(options, clock_);
  if (!store.ok()) return store.status();
  store_ = *std::move(store);
  Result<JsonDecoderOptions> decoding = compose_decoder(config_);
  if (!decoding.ok()) return decoding.status();
  Result<std::unique_ptr<JsonDecoder>> decoder = JsonDecoder::create(*decoding, series_, topics_);
  if (!decoder.ok()) return decoder.status();
  decoder_ = *std::move(decoder);
  Result<Recovered> recovered = store_->load();
  if (!recovered.ok()) return recovered.status();
  recovered_ = *std::move(recovered);
  if (Status s = fill_table(series_, recovered_.series, decode_series); !s.ok()) return s;
  if (Status s = fill_table(topics_, recovered_.topics, decode_topic); !s.ok()) return s;
  const std::string stored = config_part(recovered_.checkpoint);
  changed_ = !stored.empty() && previous_.ParseFromString(stored) &&
             (config_hash(previous_) != config_hash(config_) ||
              // It is in the default client ids.
              previous_.node().name() != config_.node().name());
  return {};
}

void DataPlane::set_capacity(const v1::Config& config) {
  series_.set_capacity(config.limits().series_max());
  topics_.set_capacity(config.limits().series_max());
}

Status DataPlane::recover(MessageSource& messages) {
  const v1::Config& state_config = changed_ ? previous_ : config_;
  // A stage that found the tables full must find them so again.
  set_capacity(state_config);
  engine_options_.config = state_config.SerializeAsString();
  engine_ = std::make_unique<Engine>(
      engine_options_, compose_source_specs(state_config), compose_pipelines(state_config, series_),
      Engine::Rooms{messages, *decoder_, *store_, encoder_, series_, topics_, clock_, trust_});
  if (Status s = engine_->restore(recovered_.checkpoint); !s.ok()) return s;
  recovered_.checkpoint = {};  // the pipelines have it; a replay takes memory of its own
  if (Status s = store_->replay([&](const Segment& segment) { return engine_->replay(segment); });
      !s.ok()) {
    return s;
  }
  if (changed_) {
    set_capacity(config_);
    engine_->adopt(compose_source_specs(config_), compose_pipelines(config_, series_),
                   config_.SerializeAsString(), recovered_.ledger, recovered_.next_seq);
    log::info("node", "the config changed; unchanged pipelines keep their state");
  }
  if (store_->epoch_ends()) engine_->end_epoch(store_->epoch(), 0);
  log::info("node", "state recovered",
            {{"series", series_.size()},
             {"segments_replayed", recovered_.segments_after_checkpoint},
             {"segments_damaged", recovered_.damaged_segments},
             {"epoch", store_->epoch()}});
  recovered_ = {};
  ::malloc_trim(0);  // all names once more, and a checkpoint: the heap would keep the room for good
  return {};
}

std::shared_ptr<const v1::Config> DataPlane::running() const {
  MutexLock lock(mutex_);
  return running_;
}

namespace {

/// What only a new start brings about.
std::string without_pipelines(v1::Config config) {
  config.clear_pipelines();
  return config.SerializeAsString();
}

}  // namespace

Status DataPlane::change_config(const v1::Config& next) {
  const auto old = running();
  if (without_pipelines(*old) != without_pipelines(next) ||
      compose_store(next).checkpoint_bytes_max > store_checkpoint_bytes_) {
    return Status(StatusCode::out_of_range, "it takes a new start");
  }
  ConfigChange change;
  change.sources = compose_source_specs(next);
  change.make = [&] { return compose_next_pipelines(*old, next, series_); };
  change.config = next.SerializeAsString();
  change.durable = [this] { return DurableState{store_->durable_ledger(), store_->next_seq()}; };
  const auto outcome = engine_->change_config(std::move(change), kChangeTimeout);
  if (!outcome.ok()) return outcome.status();
  for (const std::string& parked : outcome->parked) {
    log::error("node", "a pipeline is parked after the change", {{"pipeline", parked}});
  }
  MutexLock lock(mutex_);
  running_ = std::make_shared<const v1::Config>(next);
  return {};
}

/// What the windows keep of the plugins' new versions must fit as well, or the next start would
/// refuse what a reload took.
Status DataPlane::check_room() const {
  const StateBudget budget = state_budget(*running());
  if (const Status s = budget.check(); !s.ok()) {
    return failed_precondition("what the new plugins keep of windows does not fit storage.quota: " +
                               std::string(s.message()));
  }
  if (budget.checkpoint_bytes() <= store_checkpoint_bytes_) return {};
  return failed_precondition(
      "what the new plugins keep of windows takes larger checkpoints than the database was opened "
      "for: restart the daemon");
}

Result<std::vector<StageReplacement>> DataPlane::reload_plugins(bool begins_anew) {
  if (Status s = check_room(); !s.ok()) return s;
  auto outcome = engine_->replace_stages([this] { return compose_pipelines(*running(), series_); },
                                         begins_anew, kChangeTimeout);
  if (!outcome.ok()) return outcome;
  for (const StageReplacement& one : *outcome) {
    const bool is_done = one.error.empty();
    log::write(
        is_done ? log::Level::info : log::Level::error, "node",
        is_done ? "plugins were loaded anew" : "plugins stay as they were",
        {{"pipeline", one.pipeline}, {"error", one.error}, {"state_given_up", one.began_anew}});
  }
  return outcome;
}

}  // namespace sluice
