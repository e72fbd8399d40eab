#include <algorithm>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "base/log.h"
#include "pipeline/pipeline_run.h"

namespace sluice {
namespace {

constexpr std::uint8_t kFormat = 7;

std::string part_name(const std::string& pipeline) { return "pipeline/" + pipeline; }
std::string stage_prefix(const std::string& pipeline) { return part_name(pipeline) + "/stage/"; }
std::string windows_prefix(const std::string& pipeline) {
  return part_name(pipeline) + "/windows/";
}
std::string disconnected_part_name(const std::string& pipeline) {
  return part_name(pipeline) + "/disconnected";
}

std::string new_stages_part_name(const std::string& pipeline) {
  return stage_prefix(pipeline) + "anew";
}

std::string silence_part_name(const std::string& pipeline) {
  return part_name(pipeline) + "/silence";
}

std::string waiting_part_name(const std::string& pipeline) {
  return part_name(pipeline) + "/waiting";
}

std::string boot_part_name(const std::string& pipeline) { return part_name(pipeline) + "/boot"; }

}  // namespace

std::string encode_stretch(const std::shared_ptr<const BootStretch>& boot) {
  if (!boot) return {};
  ByteWriter out;
  out.string(boot->boot_id);
  out.i64(boot->since_ns);
  return out.take();
}

std::shared_ptr<const BootStretch> decode_stretch(std::string_view bytes) {
  ByteReader in(bytes);
  BootStretch stretch;
  stretch.boot_id = in.string();
  stretch.since_ns = in.i64();
  if (bytes.empty() || !in.at_end()) return nullptr;
  return std::make_shared<const BootStretch>(std::move(stretch));
}

Status PipelineRun::stages_can_save() {
  std::vector<CheckpointPart> unused;
  const Status status = stages_.snapshot({}, unused);
  return status.ok() ? status
                     : failed_precondition("a stage cannot save its state: " +
                                           std::string(status.message()));
}

Status PipelineRun::restore_stages(const std::vector<CheckpointPart>& parts) {
  if (find_part(parts, new_stages_part_name(name_)) != nullptr) {
    stages_.set_held(0);  // given up with the stages
    return {};
  }
  const Status status = stages_.restore(stage_prefix(name_), parts);
  return status.ok() ? status
                     : failed_precondition("a stage refuses its stored state: " +
                                           std::string(status.message()));
}

Status PipelineRun::restore_begun(const std::vector<CheckpointPart>& parts) {
  return stages_.restore_begun(stage_prefix(name_), parts);
}

Status PipelineRun::snapshot(std::vector<CheckpointPart>& parts) {
  snapshot_rest(parts);
  return stages_.snapshot(stage_prefix(name_), parts);
}

void PipelineRun::snapshot_without_stages(std::vector<CheckpointPart>& parts) const {
  snapshot_rest(parts);
  parts.push_back({new_stages_part_name(name_), {}});
}

void PipelineRun::snapshot_rest(std::vector<CheckpointPart>& parts) const {
  snapshot_own(parts);
  ByteWriter disconnected;
  watermarks_.snapshot_disconnected(disconnected);
  if (!disconnected.bytes().empty()) {
    parts.push_back({disconnected_part_name(name_), disconnected.take()});
  }
  if (boot_) parts.push_back({boot_part_name(name_), encode_stretch(boot_)});
  if (silence_told_ns_ != kNoTime) {
    ByteWriter silence;
    silence.i64(silence_told_ns_);
    parts.push_back({silence_part_name(name_), silence.take()});
  }
  snapshot_waiting(parts);
}

void PipelineRun::snapshot_waiting(std::vector<CheckpointPart>& parts) const {
  if (reorder_.size() == 0) return;
  ByteWriter waiting;
  waiting.u64(stages_.first_ordered());
  parts.push_back({waiting_part_name(name_), waiting.take()});
}

void PipelineRun::snapshot_own(std::vector<CheckpointPart>& parts) const {
  ByteWriter out;
  out.u8(kFormat);
  out.fixed64(hash_);
  out.fixed64(static_cast<std::uint64_t>(notified_ns_));
  out.i64(stages_.held());
  watermarks_.snapshot(out);
  reorder_.snapshot(out);
  windows_.snapshot(out);
  parts.push_back({part_name(name_), out.take()});
  windows_.snapshot_windows(windows_prefix(name_), parts);
}

bool PipelineRun::is_own(const CheckpointPart& part) const {
  return part.name == part_name(name_) || part.name.starts_with(windows_prefix(name_));
}

bool PipelineRun::is_part(const CheckpointPart& part) const {
  return is_own(part) || part.name == disconnected_part_name(name_) ||
         part.name == boot_part_name(name_) || part.name == silence_part_name(name_) ||
         part.name == waiting_part_name(name_) || part.name.starts_with(stage_prefix(name_));
}

bool PipelineRun::has_state(const std::vector<CheckpointPart>& parts) const {
  return find_part(parts, part_name(name_)) != nullptr;
}

void PipelineRun::replace_own(std::vector<CheckpointPart>& parts) const {
  std::erase_if(parts, [this](const CheckpointPart& part) { return is_own(part); });
  snapshot_own(parts);
}

Status PipelineRun::restore(const std::vector<CheckpointPart>& parts) {
  const CheckpointPart* own = find_part(parts, part_name(name_));
  if (own == nullptr) return {};
  if (Status s = restore_own(*own); !s.ok()) return s;
  if (Status s = windows_.restore_windows(windows_prefix(name_), parts); !s.ok()) return s;
  note_refused();
  if (Status s = restore_boot(parts); !s.ok()) return s;
  if (Status s = restore_silence(parts); !s.ok()) return s;
  if (Status s = restore_waiting(parts); !s.ok()) return s;
  return restore_disconnected(parts);
}

Status PipelineRun::restore_own(const CheckpointPart& part) {
  ByteReader in(part.bytes);
  if (in.u8() != kFormat) return data_loss("pipeline checkpoint of an unknown format");
  if (in.fixed64() != hash_) return failed_precondition("checkpoint of another pipeline spec");
  notified_ns_ = static_cast<std::int64_t>(in.fixed64());
  stages_.set_held(in.i64());
  if (Status s = watermarks_.restore(in); !s.ok()) return s;
  if (Status s = reorder_.restore(in); !s.ok()) return s;
  if (Status s = windows_.restore(in); !s.ok()) return s;
  return in.at_end() ? Status() : data_loss("malformed pipeline checkpoint");
}

void PipelineRun::note_refused() {
  aggregates_refused_ = windows_.aggregates_refused();
  if (aggregates_refused_ == 0) return;
  log::warn("pipeline", "a plugin does not take back its aggregates of open windows",
            {{"pipeline", name_}, {"windows", aggregates_refused_}});
}

Status PipelineRun::restore_boot(const std::vector<CheckpointPart>& parts) {
  const CheckpointPart* part = find_part(parts, boot_part_name(name_));
  boot_ = part == nullptr ? nullptr : decode_stretch(part->bytes);
  windows_.restore_boot(boot_);
  return part == nullptr || boot_ ? Status() : data_loss("malformed boot time in a checkpoint");
}

Status PipelineRun::restore_waiting(const std::vector<CheckpointPart>& parts) {
  waiting_for_.reset();
  const CheckpointPart* part = find_part(parts, waiting_part_name(name_));
  if (part == nullptr) return {};
  ByteReader in(part->bytes);
  waiting_for_ = in.u64();
  return in.at_end() ? Status() : data_loss("malformed waiting readings in a checkpoint");
}

Status PipelineRun::restore_disconnected(const std::vector<CheckpointPart>& parts) {
  const CheckpointPart* part = find_part(parts, disconnected_part_name(name_));
  if (part == nullptr) return {};
  ByteReader in(part->bytes);
  return watermarks_.restore_disconnected(in);
}

Status PipelineRun::restore_silence(const std::vector<CheckpointPart>& parts) {
  const CheckpointPart* part = find_part(parts, silence_part_name(name_));
  silence_told_ns_ = kNoTime;
  if (part == nullptr) return {};
  ByteReader in(part->bytes);
  silence_told_ns_ = in.i64();
  return in.at_end() ? Status() : data_loss("malformed silence in a checkpoint");
}

}  // namespace sluice
