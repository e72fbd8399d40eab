#include "plugin_host/local_instance.h"

#include <utility>

#include "plugin_host/c_call.h"

namespace sluice {
namespace {

Status status_of(const std::string& outcome) {
  return outcome.empty() ? Status() : internal_error(outcome);
}

sluice_result append(const sluice_writer* writer, const void* bytes, std::size_t size) {
  std::string& state = *static_cast<std::string*>(writer->ctx);
  if (size > SLUICE_SNAPSHOT_BYTES_MAX - state.size()) return SLUICE_REFUSED;
  if (size > 0) state.append(static_cast<const char*>(bytes), size);
  return SLUICE_OK;
}

}  // namespace

LocalInstance::LocalInstance(std::shared_ptr<PluginLibrary> library)
    : library_(std::move(library)), plugin_(library_->descriptor()) {}

Result<std::unique_ptr<PluginInstance>> LocalInstance::create(
    std::shared_ptr<PluginLibrary> library, const sluice_host* host,
    const std::string& config_json) {
  std::unique_ptr<LocalInstance> instance(new LocalInstance(std::move(library)));
  if (Status s = instance->begin(host, config_json); !s.ok()) return s;
  return std::unique_ptr<PluginInstance>(std::move(instance));
}

Status LocalInstance::begin(const sluice_host* host, const std::string& config_json) {
  WhyText why{};
  sluice_result result = SLUICE_FAILED;
  const std::string outcome = outcome_of([&] {
    return result = plugin_.create(host, config_json.c_str(), &self_, why.data(), why.size());
  });
  if (result == SLUICE_BAD_CONFIG) return invalid_argument("config: " + text_of(why));
  if (!outcome.empty()) return internal_error("create " + outcome + ": " + text_of(why));
  created_ = true;
  ordered_ = library_->metadata().ordered;
  if (plugin_.ordered == nullptr) return {};
  const std::string ordered_outcome = outcome_of([this] {
    ordered_ = plugin_.ordered(self_) != 0;
    return SLUICE_OK;
  });
  return ordered_outcome.empty() ? Status() : internal_error("ordered: " + ordered_outcome);
}

LocalInstance::~LocalInstance() {
  if (!created_) return;
  outcome_of([this] {
    plugin_.destroy(self_);
    return SLUICE_OK;
  });
}

Status LocalInstance::process(const sluice_batch& batch, sluice_verdict* verdicts,
                              const sluice_emit* emit) {
  return status_of(outcome_of([&] { return plugin_.process(self_, &batch, verdicts, emit); }));
}

Status LocalInstance::on_time(std::int64_t watermark_ns, const sluice_emit* emit) {
  return status_of(outcome_of([&] { return plugin_.on_time(self_, watermark_ns, emit); }));
}

Result<SavedState> LocalInstance::snapshot() {
  SavedState saved{library_->metadata().version, {}, {}};
  if (plugin_.snapshot == nullptr) return saved;
  const sluice_writer writer{sizeof(sluice_writer), &saved.state, append};
  const std::string outcome = outcome_of([&] { return plugin_.snapshot(self_, &writer); });
  if (!outcome.empty()) return internal_error(outcome);
  return saved;
}

Status LocalInstance::restore(const SavedState& saved) {
  if (!saved.journal.empty()) {
    return failed_precondition("it was saved while its process was down: run it isolated once");
  }
  if (plugin_.restore == nullptr) {
    if (saved.state.empty()) return {};
    return failed_precondition("the snapshot has state, but this version keeps none");
  }
  WhyText why{};
  const std::string outcome = outcome_of([&] {
    return plugin_.restore(self_, saved.state.data(), saved.state.size(), saved.version.c_str(),
                           why.data(), why.size());
  });
  if (outcome.empty()) return {};
  return data_loss("restore from version " + saved.version + " " + outcome + ": " + text_of(why));
}

}  // namespace sluice
