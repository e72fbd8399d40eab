#pragma once

#include <memory>
#include <string>

#include "plugin_host/plugin_instance.h"
#include "plugin_host/plugin_library.h"

namespace sluice {

/// An instance in this process: it does what it likes with our memory and our time.
class LocalInstance final : public PluginInstance {
 public:
  /// `config_json` has passed apply_schema(). `host` outlives the instance, which holds the
  /// library. `invalid_argument` when the plugin refuses the config, `internal` when it fails.
  static Result<std::unique_ptr<PluginInstance>> create(std::shared_ptr<PluginLibrary> library,
                                                        const sluice_host* host,
                                                        const std::string& config_json);
  ~LocalInstance() override;

  bool ordered() const override { return ordered_; }
  bool wants_time() const override { return plugin_.on_time != nullptr; }
  bool keeps_state() const override { return plugin_.snapshot != nullptr; }
  Status process(const sluice_batch& batch, sluice_verdict* verdicts,
                 const sluice_emit* emit) override;
  Status on_time(std::int64_t watermark_ns, const sluice_emit* emit) override;
  Result<SavedState> snapshot() override;
  Status restore(const SavedState& saved) override;

 private:
  explicit LocalInstance(std::shared_ptr<PluginLibrary> library);
  Status begin(const sluice_host* host, const std::string& config_json);

  const std::shared_ptr<PluginLibrary> library_;  // first in, last out: all else calls into it
  const sluice_plugin_descriptor& plugin_;
  void* self_ = nullptr;
  bool created_ = false;
  bool ordered_ = false;
};

}  // namespace sluice
