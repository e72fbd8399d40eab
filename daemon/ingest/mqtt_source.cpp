#include "ingest/mqtt_source.h"

#include <algorithm>
#include <string>
#include <utility>

#include "model/client_id.h"

namespace sluice {
namespace {

std::vector<EventRing::Bounds> bounds_of(const std::vector<SourceOptions>& all) {
  std::vector<EventRing::Bounds> bounds;
  for (const SourceOptions& options : all) bounds.push_back(ring_bounds(options));
  return bounds;
}

bool is_health_client_of(const std::string& client_id, const SourceOptions& source) {
  return !source.health_topic_prefix.empty() && client_id == health_client_id(source.client_id);
}

/// Two sessions of one client id at one broker would throw each other out for ever.
Status check_distinct(const SourceOptions& a, const SourceOptions& b) {
  const bool same = a.client_id == b.client_id || is_health_client_of(a.client_id, b) ||
                    is_health_client_of(b.client_id, a);
  if (a.url != b.url || !same) return Status();
  return invalid_argument("sources '" + a.name + "' and '" + b.name +
                          "' have the same url and client_id; give each its own client_id");
}

}  // namespace

MqttSources::MqttSources(std::vector<SourceOptions> options, const Clock& clock)
    : ring_(bounds_of(options)) {
  for (SourceOptions& source : options) {
    if (!source.health_topic_prefix.empty()) {
      health_.push_back(std::make_unique<HealthClient>(source, clock));
    }
    const auto index = static_cast<std::uint32_t>(sessions_.size());
    sessions_.push_back(std::make_unique<MqttSession>(index, std::move(source), clock, ring_));
  }
}

MqttSources::~MqttSources() { stop(); }

Status MqttSources::start() {
  for (const auto& session : sessions_) {
    if (Status status = check_source_options(session->options()); !status.ok()) return status;
    for (const auto& other : sessions_) {
      if (other == session) break;
      Status status = check_distinct(other->options(), session->options());
      if (!status.ok()) return status;
    }
  }
  for (const auto& session : sessions_) session->start();
  for (const auto& client : health_) client->start();
  return Status();
}

void MqttSources::pause() {
  for (const auto& session : sessions_) session->pause();
}

void MqttSources::stop() {
  for (const auto& session : sessions_) session->stop();
  for (const auto& client : health_) client->stop();
}

std::size_t MqttSources::take(std::vector<IngestEvent>& out, std::size_t count_max,
                              std::chrono::milliseconds timeout) {
  return ring_.take(out, count_max, timeout);
}

void MqttSources::release(const AckPosition& position) {
  if (position.ticket == 0) return;
  SLUICE_ASSERT(position.source < sessions_.size());
  sessions_[position.source]->release(position.connection, position.ticket);
}

bool MqttSources::window_full() const {
  return std::any_of(sessions_.begin(), sessions_.end(),
                     [](const auto& session) { return session->window_full(); });
}

}  // namespace sluice
