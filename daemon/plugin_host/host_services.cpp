#include "plugin_host/host_services.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>

#include "base/log.h"
#include "plugin_host/plugin_text.h"

namespace sluice {
namespace {

constexpr std::size_t kMeasurementBytesMax = 128;
constexpr std::size_t kUnitBytesMax = 64;
constexpr std::size_t kLogBytesMax = 512;

HostServices& services_of(const sluice_host* host) {
  return *static_cast<HostServices*>(host->ctx);
}

}  // namespace

HostServices::HostServices(SeriesTable& series, std::string pipeline, std::string stage,
                           std::string plugin)
    : series_(series),
      pipeline_(std::move(pipeline)),
      stage_(std::move(stage)),
      plugin_(std::move(plugin)),
      host_{sizeof(sluice_host), this, series_measurement, series_unit, series_label,
            derive_series,       log,  get_extension} {}

const char* HostServices::keep(std::string_view text) {
  MutexLock lock(texts_mutex_);
  return texts_.emplace(text).first->c_str();
}

const char* HostServices::series_measurement(const sluice_host* host, std::uint32_t id) {
  HostServices& self = services_of(host);
  return self.series_.contains(id) ? self.keep(self.series_.at(id).measurement) : nullptr;
}

const char* HostServices::series_unit(const sluice_host* host, std::uint32_t id) {
  HostServices& self = services_of(host);
  return self.series_.contains(id) ? self.keep(self.series_.at(id).unit) : nullptr;
}

const char* HostServices::series_label(const sluice_host* host, std::uint32_t id,
                                       const char* name) {
  HostServices& self = services_of(host);
  if (name == nullptr || !self.series_.contains(id)) return nullptr;
  const Series series = self.series_.at(id);
  for (const auto& [key, value] : series.labels) {
    if (key == name) return self.keep(value);
  }
  return nullptr;
}

std::uint32_t HostServices::derive_series(const sluice_host* host, std::uint32_t base,
                                          const char* measurement, const char* unit) {
  HostServices& self = services_of(host);
  if (!self.in_call_ || !self.series_.contains(base)) return 0;
  Series derived = self.series_.at(base);
  if (measurement != nullptr) {
    const auto text = bounded_text(measurement, kMeasurementBytesMax);
    if (!text || text->empty()) return 0;
    derived.measurement = *text;
  }
  if (unit != nullptr) {
    const auto text = bounded_text(unit, kUnitBytesMax);
    if (!text) return 0;
    derived.unit = *text;
  }
  return self.series_.intern(derived);
}

void HostServices::log(const sluice_host* host, std::uint32_t level, const char* message) {
  if (message == nullptr) return;
  const HostServices& self = services_of(host);
  const auto severity = static_cast<log::Level>(std::min(level, SLUICE_LOG_ERROR));
  // The plugin's own text is a field, so that repeats are counted per plugin whatever it writes.
  log::write(severity, "plugin_host", "plugin " + self.plugin_,
             {{"pipeline", self.pipeline_},
              {"stage", self.stage_},
              {"text", std::string_view(message, strnlen(message, kLogBytesMax))}});
}

const void* HostServices::get_extension(const sluice_host*, const char*) { return nullptr; }

}  // namespace sluice
