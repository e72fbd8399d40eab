#include "plugin_host/child/mirror_services.h"

#include <cstring>
#include <utility>

namespace sluice {
namespace {

MirrorServices& services_of(const sluice_host* host) {
  return *static_cast<MirrorServices*>(host->ctx);
}

}  // namespace

MirrorServices::MirrorServices(Ask ask)
    : ask_(std::move(ask)),
      host_{sizeof(sluice_host), this, series_measurement, series_unit, series_label,
            derive_series,       log,  get_extension} {}

std::vector<PluginLogLine> MirrorServices::take_log() { return std::exchange(log_, {}); }

const Series* MirrorServices::find(SeriesId id) {
  if (const auto it = series_.find(id); it != series_.end()) return &it->second;
  std::string message;
  write_ask_series(id, message);
  return remember(id, ask_(message).series);
}

const Series* MirrorServices::remember(SeriesId id, std::string_view bytes) {
  if (id == 0 || bytes.empty()) return nullptr;
  const auto [it, is_new] = series_.try_emplace(id);
  if (!is_new) return &it->second;
  Result<Series> series = decode_series(bytes);
  if (series.ok()) it->second = *std::move(series);
  return &it->second;
}

const char* MirrorServices::series_measurement(const sluice_host* host, std::uint32_t id) {
  const Series* series = services_of(host).find(id);
  return series == nullptr ? nullptr : series->measurement.c_str();
}

const char* MirrorServices::series_unit(const sluice_host* host, std::uint32_t id) {
  const Series* series = services_of(host).find(id);
  return series == nullptr ? nullptr : series->unit.c_str();
}

const char* MirrorServices::series_label(const sluice_host* host, std::uint32_t id,
                                         const char* name) {
  const Series* series = name == nullptr ? nullptr : services_of(host).find(id);
  if (series == nullptr) return nullptr;
  for (const auto& [key, value] : series->labels) {
    if (key == name) return value.c_str();
  }
  return nullptr;
}

std::uint32_t MirrorServices::derive_series(const sluice_host* host, std::uint32_t base,
                                            const char* measurement, const char* unit) {
  MirrorServices& self = services_of(host);
  if (!self.in_call_) return 0;
  DeriveAsk ask{base, std::nullopt, std::nullopt};
  if (measurement != nullptr) ask.measurement = measurement;
  if (unit != nullptr) ask.unit = unit;
  std::string message;
  write_ask_derive(ask, message);
  const HostAnswer answer = self.ask_(message);
  return self.remember(answer.id, answer.series) == nullptr ? 0 : answer.id;
}

void MirrorServices::log(const sluice_host* host, std::uint32_t level, const char* message) {
  MirrorServices& self = services_of(host);
  if (message == nullptr || self.log_.size() >= kPluginLogLinesMax) return;
  self.log_.push_back({level, std::string(message, strnlen(message, kPluginLogBytesMax))});
}

const void* MirrorServices::get_extension(const sluice_host*, const char*) { return nullptr; }

}  // namespace sluice
