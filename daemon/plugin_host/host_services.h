#pragma once

#include <string>
#include <string_view>
#include <unordered_set>

#include "base/mutex.h"
#include "model/series.h"
#include "sluice_plugin.h"

namespace sluice {

/// The daemon's side of `sluice_host` for one instance. At a fixed address: the plugin keeps it.
class HostServices {
 public:
  HostServices(SeriesTable& series, std::string pipeline, std::string stage, std::string plugin);
  HostServices(const HostServices&) = delete;
  HostServices& operator=(const HostServices&) = delete;

  const sluice_host* host() const { return &host_; }
  /// Series may be derived only while the pipeline thread is inside a call.
  void set_in_call(bool in_call) { in_call_ = in_call; }

 private:
  const char* keep(std::string_view text);
  static const char* series_measurement(const sluice_host* host, std::uint32_t id);
  static const char* series_unit(const sluice_host* host, std::uint32_t id);
  static const char* series_label(const sluice_host* host, std::uint32_t id, const char* name);
  static std::uint32_t derive_series(const sluice_host* host, std::uint32_t base,
                                     const char* measurement, const char* unit);
  static void log(const sluice_host* host, std::uint32_t level, const char* message);
  static const void* get_extension(const sluice_host* host, const char* id);

  SeriesTable& series_;
  std::string pipeline_;
  std::string stage_;
  std::string plugin_;
  bool in_call_ = false;
  sluice_host host_;
  Mutex texts_mutex_;
  /// What the plugin was told of series, which is its to keep; most of it is told again and again.
  std::unordered_set<std::string> texts_ SLUICE_GUARDED_BY(texts_mutex_);
};

}  // namespace sluice
