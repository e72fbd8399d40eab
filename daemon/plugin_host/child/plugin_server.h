#pragma once

#include <memory>
#include <string>
#include <vector>

#include "plugin_host/call_record.h"
#include "plugin_host/child/mirror_services.h"
#include "plugin_host/plugin_instance.h"
#include "plugin_host/plugin_library.h"
#include "plugin_host/shared_channel.h"

namespace sluice {

/// The life of a plugin in its own process: one instance, one call at a time, until the daemon ends
/// the process.
class PluginServer {
 public:
  /// Both outlive it.
  explicit PluginServer(SharedChannel& channel);

  /// Tells the daemon that the plugin is loaded, or why it is not.
  void tell_loaded(const Result<std::unique_ptr<PluginLibrary>>& library);
  /// Answers requests. Returns only when a message makes no sense: it is of no use then.
  Status serve(std::shared_ptr<PluginLibrary> library);

 private:
  HostDone handle();
  HostDone create(std::string_view config);
  HostDone process();
  HostDone on_time();
  HostDone snapshot();
  HostDone restore();
  HostDone recorded(const Status& status, std::uint32_t rows);
  HostAnswer ask(const std::string& message);
  void tell(HostDone done);
  Status receive();

  SharedChannel& channel_;
  MirrorServices services_;
  CallRecorder recorder_;
  std::shared_ptr<PluginLibrary> library_;
  std::unique_ptr<PluginInstance> instance_;
  std::vector<sluice_verdict> verdicts_;
  std::string request_;
  std::string answer_;
  std::string out_;
};

}  // namespace sluice
