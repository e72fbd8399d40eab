#include "aggregate/plugin_aggregate.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/assert.h"
#include "model/names.h"

namespace sluice {
namespace {

constexpr std::uint8_t kLost = 1;
constexpr std::uint8_t kHasResults = 2;

Status malformed() { return data_loss("malformed aggregate of a plugin"); }

std::shared_ptr<const std::string> failure_of(const AggregateType& type) {
  static const auto kUntold = std::make_shared<const std::string>("a call failed");
  auto told = type.failure();
  return told ? told : kUntold;
}

bool no_infinity(const std::vector<double>& values) {
  for (const double v : values) {
    if (std::isinf(v)) return false;
  }
  return true;
}

}  // namespace

PluginAggregate::PluginAggregate(std::shared_ptr<const AggregateType> type, Zeroed)
    : type_(std::move(type)), words_((type_->state_bytes() + 7) / 8) {}

PluginAggregate::PluginAggregate(std::shared_ptr<const AggregateType> type)
    : PluginAggregate(std::move(type), Zeroed()) {
  if (!type_->init(state())) lose_by(*type_);
}

PluginAggregate::PluginAggregate(std::shared_ptr<const PluginAggregateIdentity> identity,
                                 std::string saved, std::vector<double> results)
    : sealed_(std::make_shared<const Sealed>(
          Sealed{std::move(identity), std::move(saved), std::move(results)})),
      lost_(sealed_->saved.empty()) {}

PluginAggregate PluginAggregate::lost_of(PluginAggregateKey key) {
  return PluginAggregate(
      std::make_shared<const PluginAggregateIdentity>(PluginAggregateIdentity{std::move(key)}), {},
      {});
}

void PluginAggregate::lose() {
  lost_ = true;
  words_ = {};
}

void PluginAggregate::lose_by(const AggregateType& type) {
  fault_ = failure_of(type);
  lose();
}

void PluginAggregate::seal() {
  if (!open()) return;
  std::vector<double> values = results();
  std::string bytes = saved();
  if (bytes.empty() && !lost_) lose_by(*type_);
  if (lost_) values.clear();
  // The type owns its identity, and is kept with it.
  const std::shared_ptr<const PluginAggregateIdentity> identity(type_, &type_->identity());
  sealed_ = std::make_shared<const Sealed>(Sealed{identity, std::move(bytes), std::move(values)});
  type_ = nullptr;
  words_ = {};
}

bool PluginAggregate::add(std::int64_t event_time_ns, double value) {
  if (!std::isfinite(value) || !open()) return false;
  if (!lost_ && !type_->add(state(), event_time_ns, value + 0.0)) lose_by(*type_);
  return true;
}

Status PluginAggregate::merge(const PluginAggregate& other) {
  if (key() != other.key()) return invalid_argument("aggregates of different plugins or configs");
  if (lost_) return {};
  if (other.lost_) {
    fault_ = other.fault_;
    lose();
    return {};
  }
  if (!open() || !other.open()) return invalid_argument("the plugin of an aggregate is not here");
  // A type of the same key is another load of the plugin: its states may look otherwise.
  if (other.type_ != type_) {
    PluginAggregate ours(type_, Zeroed());
    ours.take_back(other.saved(), other.identity().version);
    return merge(ours);
  }
  if (this == &other) {
    const PluginAggregate copy = other;
    return merge(copy);
  }
  if (!type_->merge(state(), other.state())) lose_by(*type_);
  return {};
}

void PluginAggregate::move_by(std::int64_t ns) {
  if (open() && !lost_ && !type_->move_by(state(), ns)) lose_by(*type_);
}

/// Empty bytes are those of what is lost already, which the plugin is not asked about.
bool PluginAggregate::take_back(const std::string& saved, const std::string& version) {
  if (saved.empty()) {
    lose();
  } else if (!type_->restore(state(), saved, version)) {
    lose_by(*type_);
  }
  return !lost_;
}

PluginAggregate PluginAggregate::opened_with(std::shared_ptr<const AggregateType> type) const {
  PluginAggregate opened(std::move(type), Zeroed());
  opened.fault_ = fault_;
  opened.take_back(saved(), identity().version);
  return opened;
}

bool PluginAggregate::open_with(std::shared_ptr<const AggregateType> type) {
  if (open()) return true;
  if (type == nullptr || type->key() != key()) return false;
  PluginAggregate opened = opened_with(std::move(type));
  if (opened.lost_ && !lost_) {
    fault_ = opened.fault_;
    return false;
  }
  *this = std::move(opened);
  return true;
}

void PluginAggregate::go_on_with(std::shared_ptr<const AggregateType> type) {
  if (open() || type == nullptr || type->key() != key()) return;
  PluginAggregate opened = opened_with(std::move(type));
  opened.refused_ = opened.lost_ && !lost_;
  *this = std::move(opened);
}

std::vector<double> PluginAggregate::results() const {
  if (lost_) return {};
  if (!open()) return sealed_->results;
  std::vector<double> values(identity().result_names.size(),
                             std::numeric_limits<double>::quiet_NaN());
  if (!type_->result(state(), values)) return {};
  for (double& v : values) {
    if (!std::isfinite(v)) v = std::numeric_limits<double>::quiet_NaN();
  }
  return values;
}

std::string PluginAggregate::saved() const {
  if (lost_) return {};
  if (!open()) return sealed_->saved;
  std::string bytes;
  if (!type_->save(state(), bytes) || bytes.size() > kPluginAggregateBytesMax) bytes.clear();
  return bytes;
}

void PluginAggregate::snapshot(ByteWriter& writer) const {
  const PluginAggregateIdentity& is = identity();
  writer.string(is.key.plugin);
  writer.string(is.key.config_json);
  writer.string(is.version);
  const std::string bytes = saved();
  const bool with_results = !open() && !bytes.empty() && !sealed_->results.empty();
  writer.u8((bytes.empty() ? kLost : 0) | (with_results ? kHasResults : 0));
  writer.string(bytes);
  if (!with_results) return;
  writer.u64(is.result_names.size());
  for (const std::string& name : is.result_names) writer.string(name);
  for (const double v : sealed_->results) writer.f64(v);
}

Result<PluginAggregate> PluginAggregate::restore(ByteReader& reader) {
  PluginAggregateIdentity identity;
  identity.key.plugin = reader.string();
  identity.key.config_json = reader.string();
  identity.version = reader.string();
  const std::uint8_t flags = reader.u8();
  std::string saved(reader.string());
  if (!reader.ok() || (flags & ~(kLost | kHasResults)) != 0) return malformed();
  const bool is_lost = (flags & kLost) != 0;
  const bool has_version =
      identity.version.empty() ? is_lost : identity.version.size() <= kNameBytesMax;
  if (!is_plugin_name(identity.key.plugin) || !has_version || saved.empty() != is_lost ||
      identity.key.config_json.size() > kPluginAggregateConfigBytesMax ||
      saved.size() > kPluginAggregateBytesMax) {
    return malformed();
  }
  std::vector<double> results;
  if ((flags & kHasResults) != 0) {
    const std::size_t count = reader.count();
    if (count == 0 || count > kPluginAggregateResultsMax || is_lost) return malformed();
    for (std::size_t i = 0; i < count; ++i) identity.result_names.emplace_back(reader.string());
    for (std::size_t i = 0; i < count; ++i) results.push_back(reader.f64());
    const auto& names = identity.result_names;
    if (!reader.ok() || !no_infinity(results) ||
        !std::all_of(names.begin(), names.end(), is_word)) {
      return malformed();
    }
  }
  return PluginAggregate(std::make_shared<const PluginAggregateIdentity>(std::move(identity)),
                         std::move(saved), std::move(results));
}

std::size_t PluginAggregate::state_bytes() const {
  std::size_t bytes = sizeof *this + words_.capacity() * sizeof(std::uint64_t);
  if (sealed_) {
    const PluginAggregateIdentity& is = identity();
    bytes += sizeof(Sealed) + sizeof is + is.key.plugin.size() + is.key.config_json.size() +
             is.version.size() + sealed_->saved.size() + sealed_->results.size() * sizeof(double);
    for (const std::string& name : is.result_names) bytes += sizeof name + name.size();
  }
  return bytes;
}

}  // namespace sluice
