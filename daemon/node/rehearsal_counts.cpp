#include "node/rehearsal_counts.h"

#include "model/boot_time.h"

namespace sluice {

std::string CountingEncoder::encode(const SummaryBlock& block) {
  SentByPipeline& sent = sent_[block.pipeline];
  for (const Pane& pane : block.panes) {
    ++sent.panes;
    if (pane.quality != PaneQuality::complete) ++sent.by_quality[pane.quality];
    const SeriesId series = pane.window.key & ~kBootSeries;
    if (series >= sent.series.size()) sent.series.resize(series + 1);
    sent.series[series] = true;
  }
  std::string bytes = encoder_.encode(block);
  ++sent.rows;
  sent.row_bytes += bytes.size();
  return bytes;
}

std::string CountingEncoder::encode(const TimeCorrection& correction) {
  return encoder_.encode(correction);
}

void CountedEvents::add(const ToldEvent& told, std::size_t wire_bytes) {
  OfPipeline& own = pipelines_[told.pipeline];
  own.bytes += wire_bytes;
  if (told.event.phase == EventPhase::end) return;
  const Kind kind{told.stage, told.event.name, told.event.severity};
  if (own.kinds.size() >= kKindsMax && !own.kinds.contains(kind)) {
    ++own.unlisted;
    return;
  }
  Told& counted = own.kinds[kind];
  ++counted.count;
  counted.last_message = told.event.message;
}

void CountedEvents::write(const std::string& pipeline, v1::RehearsedPipeline& out) const {
  const auto own = pipelines_.find(pipeline);
  if (own == pipelines_.end()) return;
  out.set_events_unlisted(own->second.unlisted);
  out.set_event_bytes(own->second.bytes);
  for (const auto& [kind, told] : own->second.kinds) {
    v1::RehearsedEvent& row = *out.add_events();
    row.set_stage(kind.stage);
    row.set_name(kind.name);
    row.set_severity(static_cast<v1::EventSeverity>(kind.severity));
    row.set_count(told.count);
    row.set_last_message(told.last_message);
  }
}

}  // namespace sluice
