#include "node/compose.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <random>

#include "base/tls_files.h"
#include "model/topic_pattern.h"
#include "node/compose_windows.h"
#include "node/state_budget.h"
#include "plugin_host/plugin_stage.h"
#include "plugin_host/shipped_plugins.h"
#include "schema/spec_hash.h"

namespace sluice {
namespace {

std::string key(const char* section, int index) {
  return std::string(section) + "[" + std::to_string(index) + "]";
}

TlsFiles tls_files(const v1::TlsConfig& tls) {
  return {tls.ca_file(), tls.cert_file(), tls.key_file()};
}

std::optional<TlsOptions> uplink_tls(const v1::UplinkConfig& uplink) {
  if (!uplink.has_tls()) return std::nullopt;
  TlsOptions options;
  static_cast<TlsFiles&>(options) = tls_files(uplink.tls());
  options.server_name = uplink.tls().server_name();
  return options;
}

Result<std::vector<TopicSubscription>> subscriptions(const v1::SourceConfig& source) {
  std::vector<TopicSubscription> all;
  for (const v1::TopicConfig& topic : source.mqtt().topics()) {
    Result<TopicPattern> pattern = TopicPattern::parse(topic.pattern());
    if (!pattern.ok()) return pattern.status();
    all.push_back({*std::move(pattern), static_cast<std::uint8_t>(topic.qos())});
  }
  return all;
}

Result<SourceOptions> compose_source(const v1::Config& config, int index) {
  const v1::SourceConfig& source = config.sources(index);
  const v1::MqttConfig& mqtt = source.mqtt();
  const std::string where = key("sources", index);
  SourceOptions options;
  options.name = source.name();
  options.url = mqtt.url();
  options.version =
      mqtt.version() == v1::MqttConfig::VERSION_3_1_1 ? MqttVersion::v3_1_1 : MqttVersion::v5;
  options.client_id = client_id(config, source);
  options.user = mqtt.user();
  options.password_file = mqtt.password_file();
  options.tls = tls_files(mqtt.tls());
  const Result<std::vector<TopicSubscription>> patterns = subscriptions(source);
  if (!patterns.ok()) return patterns.status();
  Result<std::vector<TopicFilter>> filters = reduce_filters(*patterns);
  if (!filters.ok()) return filters.status();
  options.filters = *std::move(filters);
  options.watch_broker_drops = mqtt.broker_loss() != v1::MqttConfig::BROKER_LOSS_OFF;
  options.session_expiry_s = static_cast<std::uint32_t>(mqtt.session_expiry_ns() / 1'000'000'000);
  options.keep_alive_s = static_cast<std::uint16_t>(
      std::min<std::int64_t>(mqtt.keep_alive_ns() / 1'000'000'000, 65'535));
  options.receive_maximum = static_cast<std::uint16_t>(mqtt.receive_max());
  options.broker_inflight = static_cast<std::uint16_t>(mqtt.broker_inflight());
  options.queue_bytes_max = mqtt.queue_bytes_max();
  options.payload_bytes_max = config.limits().payload_bytes_max();
  options.health_topic_prefix = mqtt.health_prefix();
  options.node = config.node().name();
  if (Status s = check_source_options(options); !s.ok()) return s;
  return options;
}

MatchSpec compose_match(const v1::MatchConfig& match) {
  MatchSpec spec;
  spec.sources.assign(match.sources().begin(), match.sources().end());
  spec.measurements.assign(match.measurements().begin(), match.measurements().end());
  spec.labels.assign(match.labels().begin(), match.labels().end());
  std::sort(spec.labels.begin(), spec.labels.end());
  return spec;
}

bool runs_isolated(const v1::StageConfig& stage) {
  if (stage.isolation() == v1::StageConfig::ISOLATION_NONE) return false;
  if (stage.isolation() == v1::StageConfig::ISOLATION_PROCESS) return true;
  return !is_shipped_plugin(stage.plugin());
}

Result<std::unique_ptr<Stage>> compose_stage(const v1::Config& config, int pipeline, int index,
                                             SeriesTable& series) {
  const v1::StageConfig& stage = config.pipelines(pipeline).stages(index);
  const IsolationOptions isolation = compose_isolation(config);
  return make_stage({
      .dir = config.plugins().dir(),
      .plugin = stage.plugin(),
      .stage = stage.name(),
      .config_json = stage.config(),
      .pipeline = config.pipelines(pipeline).name(),
      .where = key("pipelines", pipeline) + "." + key("stages", index),
      .series = series,
      .isolation = runs_isolated(stage) ? &isolation : nullptr,
      .passes_on_failure = stage.on_failure() == v1::StageConfig::ON_FAILURE_PASS,
  });
}

PipelineShares compose_shares(const v1::Config& config, const StateBudget& budget) {
  return {budget.windows_per_pipeline(config), budget.pending_per_pipeline(config)};
}

TimeFormat time_format(const v1::DecodeConfig& decode) {
  switch (decode.time_format()) {
    case v1::DecodeConfig::TIME_FORMAT_S: return TimeFormat::s;
    case v1::DecodeConfig::TIME_FORMAT_MS: return TimeFormat::ms;
    case v1::DecodeConfig::TIME_FORMAT_US: return TimeFormat::us;
    case v1::DecodeConfig::TIME_FORMAT_NS: return TimeFormat::ns;
    case v1::DecodeConfig::TIME_FORMAT_RFC3339: return TimeFormat::rfc3339;
    default: return TimeFormat::arrival;
  }
}

/// One run of check_composition.
struct Check {
  const LoadResult& loaded;
  schema::ErrorList errors;
  std::int64_t wall_ns;

  void refuse(const std::string& key_path, std::string_view message) {
    errors.add(loaded.places.find(key_path), key_path, std::string(message));
  }

  void tls(const TlsFiles& files, const std::string& path) {
    const TlsReading reading = read_tls_files(files);
    for (const TlsFault& fault : reading.faults) refuse(path + "." + fault.key, fault.message);
    for (const TlsFault& fault : outdated_certificates(files, reading.pem, wall_ns)) {
      refuse(path + "." + fault.key, fault.message);
    }
  }

  void sources() {
    for (int i = 0; i < loaded.config.sources_size(); ++i) {
      const v1::MqttConfig& mqtt = loaded.config.sources(i).mqtt();
      const std::string path = key("sources", i) + ".mqtt";
      if (mqtt.has_tls()) tls(tls_files(mqtt.tls()), path + ".tls");
      Status password;
      if (!mqtt.password_file().empty()) {
        password = read_password_file(mqtt.password_file()).status();
      }
      if (!password.ok()) {
        refuse(path + ".password_file", password.message());
      } else if (const Status s = compose_source(loaded.config, i).status(); !s.ok()) {
        refuse(path, s.message());
      }
    }
    SeriesTable series(1);
    TopicTable topics(1);
    const Result<JsonDecoderOptions> decoder = compose_decoder(loaded.config);
    const Status s =
        decoder.ok() ? JsonDecoder::create(*decoder, series, topics).status() : decoder.status();
    if (!s.ok()) refuse("sources", s.message());
  }

  void uplink() {
    const v1::UplinkConfig& uplink = loaded.config.uplink();
    if (uplink.has_tls() && !uplink.hub().empty()) tls(tls_files(uplink.tls()), "uplink.tls");
  }

  void stages() {
    SeriesTable series(1);
    for (int p = 0; p < loaded.config.pipelines_size(); ++p) {
      for (int i = 0; i < loaded.config.pipelines(p).stages_size(); ++i) {
        const Status status = compose_stage(loaded.config, p, i, series).status();
        if (status.ok()) continue;
        refuse_plugin(key("pipelines", p) + "." + key("stages", i),
                      loaded.config.pipelines(p).stages(i).plugin(), status.message());
      }
    }
  }

  void windows() {
    for (int p = 0; p < loaded.config.pipelines_size(); ++p) {
      for (int i = 0; i < loaded.config.pipelines(p).windows_size(); ++i) {
        const v1::WindowConfig& window = loaded.config.pipelines(p).windows(i);
        const std::string path = key("pipelines", p) + "." + key("windows", i);
        const Status s = compose_civil(window).status();
        if (!s.ok()) refuse(path + ".time_zone", s.message());
        const auto aggregates = compose_aggregates(loaded.config, p, i);
        for (int k = 0; k < window.aggregates().plugins_size(); ++k) {
          const auto& aggregate = aggregates[static_cast<std::size_t>(k)];
          if (aggregate.ok()) continue;
          refuse_plugin(path + ".aggregates." + key("plugins", k),
                        window.aggregates().plugins(k).plugin(), aggregate.status().message());
        }
      }
    }
  }

  /// `text` is make_stage's or open_aggregate's: "WHERE (PLUGIN): config.KEY: …", or without a
  /// config when the plugin itself is the trouble.
  void refuse_plugin(const std::string& path, const std::string& plugin, std::string_view text) {
    const std::string head = path + " (" + plugin + "): ";
    if (text.starts_with(head)) text.remove_prefix(head.size());
    std::string at = path + ".plugin";
    const std::size_t colon = text.find(": ");
    if (text.starts_with("config") && colon != std::string_view::npos) {
      at = path + "." + std::string(text.substr(0, colon));
      text.remove_prefix(colon + 2);
    }
    refuse(at, "plugin " + plugin + ": " + std::string(text));
  }
};

std::string random_instance() {
  std::random_device random;
  constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  for (int i = 0; i < 16; ++i) text.push_back(kHex[random() & 15]);
  return text;
}

}  // namespace

IsolationOptions compose_isolation(const v1::Config& config) {
  IsolationOptions options;
  const std::string& host = config.plugins().host();
  options.program = host.empty() ? default_host_program() : host;
  options.limits.deadline = std::chrono::nanoseconds(config.plugins().call_deadline_ns());
  options.limits.memory_bytes = config.plugins().memory_max_bytes();
  options.failures_max = config.plugins().failures_max();
  options.idle_unload = std::chrono::nanoseconds(config.plugins().idle_unload_ns());
  return options;
}

StoreOptions compose_store(const v1::Config& config) {
  StoreOptions options;
  options.dir = config.storage().dir();
  options.quota_bytes = config.storage().quota_bytes();
  options.checkpoint_bytes_max = state_budget(config).checkpoint_bytes();
  options.node = config.node().name();
  options.machine_id = config.node().machine_id();
  return options;
}

EngineOptions compose_engine(const v1::Config& config) {
  EngineOptions options;
  options.commit_interval_ns = config.storage().commit_interval_ns();
  options.checkpoint_log_bytes = config.storage().quota_bytes() / 8;
  options.group_bytes_max =
      std::min<std::uint64_t>(options.group_bytes_max, config.storage().quota_bytes() / 8);
  options.awaits_cloud = !config.uplink().hub().empty();
  return options;
}

UplinkOptions compose_uplink(const v1::Config& config) {
  UplinkOptions options;
  options.hub = config.uplink().hub();
  options.tls = uplink_tls(config.uplink());
  options.gzip = config.uplink().gzip();
  options.backoff_max = std::chrono::milliseconds(config.uplink().backoff_max_ns() / 1'000'000);
  options.unacked_bytes_max = config.uplink().unacked_bytes_max();
  options.instance = random_instance();
  options.version = SLUICE_VERSION;
  return options;
}

Result<std::vector<SourceOptions>> compose_sources(const v1::Config& config) {
  std::vector<SourceOptions> all;
  for (int i = 0; i < config.sources_size(); ++i) {
    Result<SourceOptions> source = compose_source(config, i);
    if (!source.ok()) return source.status();
    all.push_back(*std::move(source));
  }
  return all;
}

std::vector<SourceSpec> compose_source_specs(const v1::Config& config) {
  std::vector<SourceSpec> all;
  for (const v1::SourceConfig& source : config.sources()) {
    const v1::MqttConfig& mqtt = source.mqtt();
    SourceSpec spec;
    spec.name = source.name();
    spec.accept_retained = mqtt.retained() == v1::MqttConfig::RETAINED_ACCEPT;
    spec.inflight_window = mqtt.version() == v1::MqttConfig::VERSION_3_1_1 ? mqtt.broker_inflight()
                                                                           : mqtt.receive_max();
    spec.arrival_stamped = source.decode().time().empty();
    spec.max_future_ns = source.decode().max_future_ns();
    const Result<BrokerAddress> broker = parse_broker_url(mqtt.url());
    spec.session = {broker.ok() ? broker->host + ":" + std::to_string(broker->port) : mqtt.url(),
                    client_id(config, source)};
    all.push_back(std::move(spec));
  }
  return all;
}

Result<JsonDecoderOptions> compose_decoder(const v1::Config& config) {
  JsonDecoderOptions options;
  options.payload_bytes_max = config.limits().payload_bytes_max();
  for (int i = 0; i < config.sources_size(); ++i) {
    const v1::SourceConfig& source = config.sources(i);
    const v1::DecodeConfig& decode = source.decode();
    JsonSource json;
    json.name = source.name();
    Result<std::vector<TopicSubscription>> patterns = subscriptions(source);
    if (!patterns.ok()) return patterns.status();
    for (TopicSubscription& subscription : *patterns) {
      json.patterns.push_back(std::move(subscription.pattern));
    }
    json.items = decode.items();
    json.time = decode.time();
    json.time_format = time_format(decode);
    for (const v1::FieldConfig& field : decode.fields()) {
      json.fields.push_back({field.pointer(), field.measurement(), field.unit()});
    }
    for (const v1::LabelConfig& label : decode.labels()) {
      json.labels.push_back({label.name(), label.pointer()});
    }
    options.sources.push_back(std::move(json));
  }
  return options;
}

PipelineSpec compose_pipeline(const v1::Config& config, int index, const StateBudget& budget,
                              SeriesTable& series) {
  const v1::PipelineConfig& pipeline = config.pipelines(index);
  PipelineSpec spec;
  spec.name = pipeline.name();
  spec.hash = spec_hash(pipeline);
  spec.match = compose_match(pipeline.match());
  for (int i = 0; i < pipeline.windows_size(); ++i) {
    Status missing;
    spec.windows.push_back(compose_window(config, index, i, missing));
    if (!missing.ok()) spec.parked = missing.message();
  }
  const auto& misfits = budget.misfits;
  if (std::find(misfits.begin(), misfits.end(), index) != misfits.end()) {
    spec.parked = "what its aggregates of plugins keep of windows does not fit storage.quota: " +
                  std::string(budget.misfit.message());
  }
  if (pipeline.has_key_by()) {
    spec.key_by.emplace(pipeline.key_by().labels().begin(), pipeline.key_by().labels().end());
  }
  spec.max_out_of_order_ns = pipeline.max_out_of_order_ns();
  spec.idle_timeout_ns = pipeline.idle_timeout_ns();
  spec.reorder_max = pipeline.reorder_max();
  spec.shares = compose_shares(config, budget);
  for (int i = 0; i < pipeline.stages_size(); ++i) {
    Result<std::unique_ptr<Stage>> built = compose_stage(config, index, i, series);
    if (!built.ok()) {
      spec.parked = built.status().message();
      spec.stages.clear();
      return spec;
    }
    spec.stages.push_back(*std::move(built));
  }
  return spec;
}

std::vector<PipelineSpec> compose_pipelines(const v1::Config& config, SeriesTable& series) {
  const StateBudget budget = state_budget(config);
  std::vector<PipelineSpec> all;
  for (int i = 0; i < config.pipelines_size(); ++i) {
    all.push_back(compose_pipeline(config, i, budget, series));
  }
  return all;
}

std::vector<NextPipeline> compose_next_pipelines(const v1::Config& running, const v1::Config& next,
                                                 SeriesTable& series) {
  const StateBudget budget = state_budget(next);
  const bool same_plugins =
      running.plugins().SerializeAsString() == next.plugins().SerializeAsString();
  std::map<std::string, std::string> before;
  for (const v1::PipelineConfig& pipeline : running.pipelines()) {
    before[pipeline.name()] = pipeline.SerializeAsString();
  }
  std::vector<NextPipeline> all;
  for (int i = 0; i < next.pipelines_size(); ++i) {
    const v1::PipelineConfig& pipeline = next.pipelines(i);
    const auto same = before.find(pipeline.name());
    NextPipeline& one = all.emplace_back();
    one.name = pipeline.name();
    one.shares = compose_shares(next, budget);
    if (same_plugins && same != before.end() && same->second == pipeline.SerializeAsString()) {
      continue;
    }
    one.spec = compose_pipeline(next, i, budget, series);
  }
  return all;
}

void check_sources(LoadResult& loaded, std::int64_t wall_ns) {
  Check check{loaded, schema::ErrorList(loaded.file_name), wall_ns};
  check.sources();
  check.uplink();
  for (ConfigError& error : check.errors.take()) loaded.errors.push_back(std::move(error));
}

void check_composition(LoadResult& loaded, std::int64_t wall_ns) {
  Check check{loaded, schema::ErrorList(loaded.file_name), wall_ns};
  check.sources();
  check.uplink();
  check.stages();
  check.windows();
  for (ConfigError& error : check.errors.take()) loaded.errors.push_back(std::move(error));
  loaded.errors_left_out += check.errors.left_out();
}

}  // namespace sluice
