#include "pipeline/begun_events.h"

#include <algorithm>
#include <utility>

#include "model/boot_time.h"

namespace sluice {

void BegunEvents::note(const std::string& stage, const Event& event) {
  if (event.phase == EventPhase::moment) return;
  Condition condition{stage, event.series, event.name};
  if (event.phase == EventPhase::end) {
    begun_.erase(condition);
  } else if (begun_.size() < kCountMax || begun_.contains(condition)) {
    begun_[std::move(condition)] = {event.topic, event.event_time_ns};
  }
}

std::vector<BegunEvents::End> BegunEvents::end_all(std::string_view reason, std::int64_t time_ns) {
  std::vector<End> ends;
  for (const auto& [condition, begin] : std::exchange(begun_, {})) {
    Event event;
    event.series = condition.series;
    event.topic = begin.topic;
    event.event_time_ns = in_boot_time(begin.topic)
                              ? begin.time_ns
                              : std::min(std::max(begin.time_ns, time_ns), kEventTimeMaxNs);
    event.phase = EventPhase::end;
    event.name = condition.name;
    event.message = "Ends because it is no longer watched as it was.";
    event.attributes = {{"reason", std::string(reason)}};
    ends.push_back({condition.stage, std::move(event)});
  }
  return ends;
}

void BegunEvents::snapshot(ByteWriter& out) const {
  out.u64(begun_.size());
  for (const auto& [condition, begin] : begun_) {
    out.string(condition.stage);
    out.u64(condition.series);
    out.string(condition.name);
    out.u64(begin.topic);
    out.i64(begin.time_ns);
  }
}

Status BegunEvents::restore(std::string_view bytes) {
  begun_.clear();
  ByteReader in(bytes);
  for (std::size_t n = in.count(); n > 0 && in.ok(); --n) {
    Condition condition;
    condition.stage = in.string();
    condition.series = static_cast<SeriesId>(in.u64());
    condition.name = in.string();
    Begin begin;
    begin.topic = static_cast<TopicId>(in.u64());
    begin.time_ns = in.i64();
    begun_.emplace(std::move(condition), begin);
  }
  return in.at_end() ? Status() : data_loss("malformed events that have begun in a checkpoint");
}

}  // namespace sluice
