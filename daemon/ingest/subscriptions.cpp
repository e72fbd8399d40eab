#include "ingest/subscriptions.h"

#include <algorithm>
#include <charconv>

#include "model/topic_pattern.h"

namespace sluice {
namespace {

const TopicFilter* find(const std::vector<TopicFilter>& filters, const std::string& filter) {
  const auto found = std::find_if(filters.begin(), filters.end(),
                                  [&](const TopicFilter& f) { return f.filter == filter; });
  return found == filters.end() ? nullptr : &*found;
}

}  // namespace

Subscriptions::Subscriptions(const SourceOptions& options)
    : repeats_retained_(options.version == MqttVersion::v3_1_1), wanted_(options.filters) {
  if (options.watch_broker_drops) wanted_.push_back({std::string(kDropCounterTopic), 0});
}

SubscribePlan Subscriptions::plan(bool session_present) {
  if (!session_present) known_.clear();
  SubscribePlan plan;
  for (TopicFilter& known : known_) {
    if (find(wanted_, known.filter) != nullptr) continue;
    plan.leave.push_back(known.filter);
    known.qos = kUnsettledQos;
  }
  for (const TopicFilter& wanted : wanted_) {
    if (find(known_, wanted.filter) == nullptr) known_.push_back({wanted.filter, kUnsettledQos});
    const auto known = std::find_if(known_.begin(), known_.end(), [&](const TopicFilter& f) {
      return f.filter == wanted.filter;
    });
    if (known->qos == wanted.qos) {
      // The counter's value comes with a SUBSCRIBE; we may have missed a change.
      if (refreshes_ || wanted.filter == kDropCounterTopic) plan.refresh.push_back(wanted);
      continue;
    }
    plan.join.push_back(wanted);
    joined_.insert(wanted.filter);
    known->qos = kUnsettledQos;
  }
  return plan;
}

void Subscriptions::settle(const std::vector<std::string>& refused) {
  // Later connections of this process know for certain what came of the session.
  refreshes_ = false;
  known_ = wanted_;
  for (TopicFilter& known : known_) {
    if (std::find(refused.begin(), refused.end(), known.filter) != refused.end()) {
      known.qos = kUnsettledQos;
    }
  }
}

bool Subscriptions::retained_again(std::string_view topic) const {
  if (!repeats_retained_) return false;
  std::vector<std::string_view> captures;
  return std::none_of(joined_.begin(), joined_.end(), [&](const std::string& filter) {
    const auto pattern = TopicPattern::parse(filter);
    return pattern.ok() && pattern->match(topic, captures);
  });
}

std::optional<std::uint64_t> parse_drop_counter(std::string_view payload) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(payload.data(), payload.data() + payload.size(), value);
  if (error != std::errc() || end != payload.data() + payload.size()) return std::nullopt;
  return value;
}

}  // namespace sluice
