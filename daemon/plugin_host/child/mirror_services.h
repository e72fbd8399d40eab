#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "model/series.h"
#include "plugin_host/host_messages.h"
#include "sluice_plugin.h"

namespace sluice {

/// The plugin's host in its own process: knows of series what the daemon told it, and asks for the
/// rest. At a fixed address: the plugin keeps it. One thread.
class MirrorServices {
 public:
  /// Sends an ask and waits for the answer.
  using Ask = std::function<HostAnswer(const std::string& message)>;
  explicit MirrorServices(Ask ask);
  MirrorServices(const MirrorServices&) = delete;
  MirrorServices& operator=(const MirrorServices&) = delete;

  const sluice_host* host() const { return &host_; }
  /// Series may be derived only inside process() and on_time().
  void set_in_call(bool in_call) { in_call_ = in_call; }
  /// What the plugin logged since the last call.
  std::vector<PluginLogLine> take_log();

 private:
  const Series* find(SeriesId id);
  const Series* remember(SeriesId id, std::string_view bytes);
  static const char* series_measurement(const sluice_host* host, std::uint32_t id);
  static const char* series_unit(const sluice_host* host, std::uint32_t id);
  static const char* series_label(const sluice_host* host, std::uint32_t id, const char* name);
  static std::uint32_t derive_series(const sluice_host* host, std::uint32_t base,
                                     const char* measurement, const char* unit);
  static void log(const sluice_host* host, std::uint32_t level, const char* message);
  static const void* get_extension(const sluice_host* host, const char* id);

  Ask ask_;
  bool in_call_ = false;
  sluice_host host_;
  std::unordered_map<SeriesId, Series> series_;  ///< texts stay where they are
  std::vector<PluginLogLine> log_;
};

}  // namespace sluice
