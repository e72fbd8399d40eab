#include "schema/config_rules.h"

#include <algorithm>

#include "model/client_id.h"
#include "schema/address.h"
#include "schema/json_pointer.h"
#include "schema/rule_context.h"
#include "schema/scalar_forms.h"

namespace sluice::schema {
namespace {

std::string item_path(std::string_view list, int index) {
  return child_path(list, static_cast<std::size_t>(index));
}

void check_labels(const v1::NodeConfig& node, const RuleContext& context) {
  constexpr std::size_t kValueBytesMax = 128;
  for (const auto& [name, value] : node.labels()) {
    const std::string path = "node.labels." + name;
    if (!is_name(name)) {
      context.refuse(path,
                     "expected as the name of a label 1 to 64 letters, digits, \".\", \"_\" or "
                     "\"-\", got " +
                         quote(name));
    } else if (value.empty() || value.size() > kValueBytesMax ||
               value.find('\t') != std::string::npos) {
      context.refuse(path, "expected 1 to 128 bytes without tabs, got " + quote(value));
    }
  }
}

void check_local(const v1::Config& config, const RuleContext& context) {
  // sun_path holds 108 bytes with its end; the sockets' names are up to 16 bytes long.
  constexpr std::size_t kRunDirBytesMax = 90;
  if (config.node().run_dir().size() > kRunDirBytesMax) {
    context.refuse("node.run_dir", "expected at most " + std::to_string(kRunDirBytesMax) +
                                       " bytes, because a unix socket is made in it, got " +
                                       std::to_string(config.node().run_dir().size()));
  }
  check_labels(config.node(), context);
  const auto& uplink = config.uplink();
  if (!uplink.hub().empty() && !parse_host_port(uplink.hub())) {
    context.refuse(
        "uplink.hub",
        "expected host:port, such as \"hub.example.com:7443\" or \"[2001:db8::1]:7443\", "
        "with a port from 1 to 65535, got " +
            quote(uplink.hub()));
  }
  if (uplink.has_tls()) check_tls(uplink.tls(), "uplink.tls", context);
}

/// A ping to the broker leaves behind the acknowledgements that wait for the next commit.
void check_keep_alive(const v1::Config& config, int source, const RuleContext& context) {
  const std::int64_t interval_ns = config.storage().commit_interval_ns();
  const std::int64_t keep_alive_ns = config.sources(source).mqtt().keep_alive_ns();
  if (keep_alive_ns == 0 || interval_ns <= keep_alive_ns / 2) return;  // 0: refused as missing
  const std::string path = item_path("sources", source) + ".mqtt.keep_alive";
  context.refuse("storage.commit_interval",
                 "expected at most half of " + path + ", which is " +
                     format_duration_ns(keep_alive_ns) + context.at_line(path) +
                     ", because pings wait for acknowledgements, and these for a "
                     "commit; got " +
                     format_duration_ns(interval_ns));
}

void check_sources(const v1::Config& config, const RuleContext& context) {
  UniqueValues names(context, "name");
  UniqueValues clients(context, "client id");
  std::vector<int> distinct;
  for (int i = 0; i < config.sources_size(); ++i) {
    const auto& source = config.sources(i);
    const std::string path = item_path("sources", i);
    const bool one_name = names.add(source.name(), path + ".name") && !source.name().empty();
    // Two clients of one id at one broker throw each other out for ever.
    if ((one_name || !source.mqtt().client_id().empty()) &&
        clients.add(client_id(config, source), path + ".mqtt.client_id", source.mqtt().url())) {
      distinct.push_back(i);
    }
    check_source(source, path, context);
    check_keep_alive(config, i, context);
  }
  for (const int i : distinct) {
    const auto& source = config.sources(i);
    if (source.mqtt().health_prefix().empty()) continue;
    clients.add(health_client_id(client_id(config, source)),
                item_path("sources", i) + ".mqtt.health_prefix", source.mqtt().url());
  }
}

void check_match(const v1::Config& config, const v1::MatchConfig& match, const std::string& path,
                 const RuleContext& context) {
  std::vector<std::string> known;
  for (const auto& source : config.sources()) known.push_back(source.name());
  UniqueValues sources(context, "source");
  for (int i = 0; i < match.sources_size(); ++i) {
    const std::string& name = match.sources(i);
    const std::string at = item_path(path + ".sources", i);
    sources.add(name, at);
    const bool exists = std::find(known.begin(), known.end(), name) != known.end();
    if (!exists && !known.empty()) {
      context.refuse(at, "expected the name of a source (" + join(known) + "), got " + quote(name) +
                             did_you_mean(name, known));
    }
  }
  UniqueValues measurements(context, "measurement");
  for (int i = 0; i < match.measurements_size(); ++i) {
    measurements.add(match.measurements(i), item_path(path + ".measurements", i));
  }
}

void check_stages(const v1::PipelineConfig& pipeline, const std::string& path,
                  const RuleContext& context) {
  UniqueValues names(context, "name");
  for (int i = 0; i < pipeline.stages_size(); ++i) {
    names.add(pipeline.stages(i).name(), item_path(path + ".stages", i) + ".name");
  }
}

void check_pipelines(const v1::Config& config, const RuleContext& context) {
  UniqueValues names(context, "name");
  for (int i = 0; i < config.pipelines_size(); ++i) {
    const auto& pipeline = config.pipelines(i);
    const std::string path = item_path("pipelines", i);
    names.add(pipeline.name(), path + ".name");
    check_match(config, pipeline.match(), path + ".match", context);
    check_stages(pipeline, path, context);
    check_windows(pipeline, path, context);
  }
}

}  // namespace

void fill_derived(v1::Config& config) {
  for (auto& source : *config.mutable_sources()) {
    auto& decode = *source.mutable_decode();
    if (decode.time().empty() &&
        decode.time_format() == v1::DecodeConfig::TIME_FORMAT_UNSPECIFIED) {
      decode.set_time_format(v1::DecodeConfig::TIME_FORMAT_ARRIVAL);
    }
    for (auto& field : *decode.mutable_fields()) {
      if (field.measurement().empty() && is_json_pointer(field.pointer())) {
        field.set_measurement(last_part(field.pointer()));
      }
    }
  }
  for (auto& pipeline : *config.mutable_pipelines()) {
    for (auto& stage : *pipeline.mutable_stages()) {
      if (stage.name().empty()) stage.set_name(stage.plugin());
    }
  }
}

void check_rules(const v1::Config& config, const KeyPlaces& places, ErrorList& errors) {
  const RuleContext context{places, errors};
  check_local(config, context);
  check_sources(config, context);
  check_pipelines(config, context);
}

}  // namespace sluice::schema
