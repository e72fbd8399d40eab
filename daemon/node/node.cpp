#include "node/node.h"

#include <utility>

#include "base/log.h"
#include "health/process.h"
#include "node/compose.h"
#include "schema/spec_hash.h"

namespace sluice {
namespace {

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

Node::Node(const v1::Config& config)
    : config_(config),
      series_(config.limits().series_max()),
      topics_(config.limits().series_max()) {}

Result<std::unique_ptr<Node>> Node::start(const v1::Config& config) {
  std::unique_ptr<Node> node(new Node(config));
  if (Status s = node->open(); !s.ok()) return s;
  if (Status s = node->recover(); !s.ok()) return s;
  node->start_rooms();
  return node;
}

Status Node::open() {
  Result<std::unique_ptr<Store>> store = Store::open(compose_store(config_), clock_);
  if (!store.ok()) return store.status();
  store_ = *std::move(store);
  Result<JsonDecoderOptions> decoding = compose_decoder(config_);
  if (!decoding.ok()) return decoding.status();
  Result<std::unique_ptr<JsonDecoder>> decoder = JsonDecoder::create(*decoding, series_, topics_);
  if (!decoder.ok()) return decoder.status();
  decoder_ = *std::move(decoder);
  return {};
}

Status Node::recover() {
  Result<Recovered> recovered = store_->load();
  if (!recovered.ok()) return recovered.status();
  if (Status s = fill_table(series_, recovered->series, decode_series); !s.ok()) return s;
  if (Status s = fill_table(topics_, recovered->topics, decode_topic); !s.ok()) return s;
  const std::string stored = config_part(recovered->checkpoint);
  const bool changed = !stored.empty() && previous_.ParseFromString(stored) &&
                       config_hash(previous_) != config_hash(config_);
  const v1::Config& state_config = changed ? previous_ : config_;
  Result<std::vector<SourceOptions>> sources =
      compose_sources(config_, changed ? &previous_ : nullptr);
  if (!sources.ok()) return sources.status();
  sources_ = std::make_unique<MqttSources>(*std::move(sources), clock_);
  engine_ = std::make_unique<Engine>(
      compose_engine(state_config), compose_source_specs(state_config),
      compose_pipelines(state_config, series_),
      Engine::Rooms{*sources_, *decoder_, *store_, encoder_, series_, topics_, clock_});
  if (Status s = engine_->restore(recovered->checkpoint); !s.ok()) return s;
  if (Status s = store_->replay([&](const Segment& segment) { return engine_->replay(segment); });
      !s.ok()) {
    return s;
  }
  if (changed) {
    engine_->adopt(compose_source_specs(config_), compose_pipelines(config_, series_),
                   config_.SerializeAsString(), recovered->ledger);
    log::info("node", "the config changed; unchanged pipelines keep their state");
  }
  log::info("node", "state recovered",
            {{"series", series_.size()},
             {"segments_replayed", recovered->segments_after_checkpoint},
             {"segments_damaged", recovered->damaged_segments},
             {"epoch", store_->epoch()}});
  return {};
}

void Node::start_rooms() {
  store_->set_on_durable([this](const CommitGroup& group) { on_durable(group); });
  if (!config_.uplink().hub().empty()) {
    uplink_ = std::make_unique<Uplink>(
        compose_uplink(config_, {config_.node().name(), store_->epoch()}), *store_, series_, clock_,
        UplinkCallbacks{.next_seq = [this] { return store_->next_seq(); },
                        .new_epoch = [this]() -> Result<std::string> {
                          if (Status s = store_->new_epoch(); !s.ok()) return s;
                          return store_->epoch();
                        }});
  }
  report_ = std::make_unique<NodeReport>(
      config_, NodeReport::Rooms{*store_, *sources_, *engine_, uplink_.get(), series_, clock_});
  store_->start();
  engine_->start();
  if (Status s = sources_->start(); !s.ok()) {
    log::error("node", "sources cannot start", {{"error", s.to_string()}});
  }
  if (uplink_) uplink_->start();
  admin_ = std::make_unique<AdminServer>(config_.node().run_dir() + "/admin.sock", *report_);
  if (Status s = admin_->start(); !s.ok()) {
    log::error("node", "no admin socket; sluicectl cannot reach this daemon",
               {{"error", s.to_string()}});
  }
}

void Node::on_durable(const CommitGroup& group) {
  for (const AckPosition& position : group.acks) sources_->release(position);
  if (uplink_ && !group.outbox.empty()) uplink_->poke();
  engine_->poke();
}

Node::~Node() {
  if (admin_) admin_->stop();
  if (uplink_) uplink_->stop();
  if (sources_) sources_->pause();
  if (engine_) engine_->stop();
  if (store_) store_->stop();
  if (sources_) sources_->stop();
}

}  // namespace sluice
