#include "pipeline/left_sessions.h"

#include <algorithm>
#include <cstdlib>

#include "base/bytes.h"
#include "base/log.h"

namespace sluice {
namespace {
constexpr std::uint8_t kFormat = 1;
constexpr std::string_view kPartPrefix = "session/";
}  // namespace

void LeftSessions::add(SessionId id, std::string state) {
  if (id.client_id.empty()) return;
  const std::uint64_t number = sessions_.empty() ? 1 : sessions_.back().number + 1;
  sessions_.push_back({number, std::move(id), std::move(state)});
  if (sessions_.size() <= kSessionsMax) return;
  const SessionId& oldest = sessions_.front().id;
  log::warn("ingest", "the session left first is forgotten, there are too many",
            {{"client_id", oldest.client_id}, {"broker", oldest.broker}});
  sessions_.pop_front();
}

std::optional<std::string> LeftSessions::take(const SessionId& id) {
  const auto found = std::find_if(sessions_.begin(), sessions_.end(),
                                  [&](const Session& left) { return left.id.same_as(id); });
  if (found == sessions_.end()) return std::nullopt;
  std::string state = std::move(found->state);
  sessions_.erase(found);
  return state;
}

void LeftSessions::snapshot(std::vector<CheckpointPart>& parts) const {
  for (const Session& left : sessions_) {
    ByteWriter out;
    out.u8(kFormat);
    out.string(left.id.broker);
    out.string(left.id.client_id);
    out.string(left.state);
    parts.push_back({std::string(kPartPrefix) + std::to_string(left.number), out.take()});
  }
}

Status LeftSessions::restore(const std::vector<CheckpointPart>& parts) {
  sessions_.clear();
  for (const CheckpointPart& part : parts) {
    if (!part.name.starts_with(kPartPrefix)) continue;
    ByteReader in(part.bytes);
    Session left;
    left.number = std::strtoull(part.name.c_str() + kPartPrefix.size(), nullptr, 10);
    if (in.u8() != kFormat) return data_loss("a left session of an unknown format");
    left.id.broker = in.string();
    left.id.client_id = in.string();
    left.state = in.string();
    if (!in.at_end()) return data_loss("malformed left session in a checkpoint");
    sessions_.push_back(std::move(left));
  }
  std::sort(sessions_.begin(), sessions_.end(),
            [](const Session& a, const Session& b) { return a.number < b.number; });
  return {};
}

}  // namespace sluice
