#include "plugin_host/aggregate_library.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "plugin_host/config_schema.h"
#include "plugin_host/plugin_library.h"
#include "sluice_aggregate.h"

namespace sluice {
namespace {

using WhyText = std::array<char, 1024>;

std::string text_of(WhyText& why) {
  why.back() = '\0';
  return why.front() == '\0' ? "no reason given" : why.data();
}

/// SLUICE_FAILED when it throws.
template <typename Call>
sluice_result guarded(Call call) {
  try {
    return call();
  } catch (...) {
    return SLUICE_FAILED;
  }
}

struct Saved {
  std::string& bytes;
  std::size_t begin;
  std::size_t bytes_max;
};

sluice_result append(const sluice_writer* writer, const void* bytes, std::size_t size) {
  Saved& saved = *static_cast<Saved*>(writer->ctx);
  if (size > saved.bytes_max - (saved.bytes.size() - saved.begin)) return SLUICE_REFUSED;
  if (size > 0) saved.bytes.append(static_cast<const char*>(bytes), size);
  return SLUICE_OK;
}

class LoadedAggregate final : public AggregateType {
 public:
  LoadedAggregate(std::unique_ptr<PluginLibrary> library, PluginAggregateKey key)
      : library_(std::move(library)),
        table_(*library_->aggregate()),
        identity_{std::move(key), library_->metadata().version, {}} {
    for (const auto& result : library_->metadata().aggregate->results) {
      identity_.result_names.push_back(result.name);
    }
  }
  ~LoadedAggregate() override {
    if (!opened_) return;
    guarded([this] {
      table_.close(self_);
      return SLUICE_OK;
    });
  }
  LoadedAggregate(const LoadedAggregate&) = delete;
  LoadedAggregate& operator=(const LoadedAggregate&) = delete;

  Status begin() {
    WhyText why{};
    const sluice_result result = guarded([&] {
      return table_.open(identity_.key.config_json.c_str(), &self_, why.data(), why.size());
    });
    if (result == SLUICE_BAD_CONFIG) return invalid_argument("config: " + text_of(why));
    if (result != SLUICE_OK) return internal_error("open failed: " + text_of(why));
    opened_ = true;
    sluice_aggregate_sizes sizes{sizeof(sluice_aggregate_sizes), 0, 0};
    const bool told = guarded([&] {
                        table_.sizes(self_, &sizes);
                        return SLUICE_OK;
                      }) == SLUICE_OK;
    const auto is_size = [](std::uint32_t n) { return n >= 1 && n <= SLUICE_AGGREGATE_BYTES_MAX; };
    if (!told || !is_size(sizes.state_bytes) || !is_size(sizes.saved_bytes_max)) {
      return failed_precondition("its states take " + std::to_string(sizes.state_bytes) +
                                 " bytes, and saved " + std::to_string(sizes.saved_bytes_max) +
                                 ", expected 1..65536 each");
    }
    state_bytes_ = sizes.state_bytes;
    saved_bytes_max_ = sizes.saved_bytes_max;
    return {};
  }

  const PluginAggregateIdentity& identity() const override { return identity_; }
  std::size_t state_bytes() const override { return state_bytes_; }
  std::size_t saved_bytes_max() const override { return saved_bytes_max_; }

  bool init(std::byte* state) const override {
    return did("init", [&] {
      table_.init(self_, state);
      return SLUICE_OK;
    });
  }
  bool add(std::byte* state, std::int64_t event_time_ns, double value) const override {
    return did("add", [&] { return table_.add(self_, state, event_time_ns, value); });
  }
  bool merge(std::byte* state, const std::byte* other) const override {
    return did("merge", [&] { return table_.merge(self_, state, other); });
  }
  bool move_by(std::byte* state, std::int64_t ns) const override {
    if (table_.move_by == nullptr) return true;
    return did("move_by", [&] { return table_.move_by(self_, state, ns); });
  }
  bool save(const std::byte* state, std::string& out) const override {
    const std::size_t begin = out.size();
    Saved saved{out, begin, saved_bytes_max_};
    const sluice_writer writer{sizeof(sluice_writer), &saved, append};
    const bool ok = did("save", [&] {
      const sluice_result result = table_.save(self_, state, &writer);
      return result == SLUICE_OK && out.size() == begin ? SLUICE_FAILED : result;
    });
    if (!ok) out.resize(begin);
    return ok;
  }
  bool restore(std::byte* state, std::string_view bytes,
               const std::string& version) const override {
    WhyText why{};
    const sluice_result result = guarded([&] {
      return table_.restore(self_, state, bytes.data(), bytes.size(), version.c_str(), why.data(),
                            why.size());
    });
    if (result == SLUICE_OK) return true;
    log::warn("plugin_host", "an aggregate does not take back what was saved",
              {{"plugin", identity_.key.plugin},
               {"version", identity_.version},
               {"saved_by", version},
               {"error", text_of(why)}});
    return false;
  }
  bool result(const std::byte* state, std::span<double> values) const override {
    return did("result", [&] {
      table_.result(self_, state, values.data());
      return SLUICE_OK;
    });
  }

 private:
  template <typename Call>
  bool did(const char* function, Call call) const {
    if (guarded(call) == SLUICE_OK) return true;
    if (!told_.exchange(true)) {
      log::error("plugin_host", "a call of an aggregate failed; its window goes without",
                 {{"plugin", identity_.key.plugin},
                  {"version", identity_.version},
                  {"function", function}});
    }
    return false;
  }

  std::unique_ptr<PluginLibrary> library_;
  const sluice_aggregate& table_;
  PluginAggregateIdentity identity_;
  void* self_ = nullptr;
  bool opened_ = false;
  std::size_t state_bytes_ = 0;
  std::size_t saved_bytes_max_ = 0;
  mutable std::atomic<bool> told_{false};
};

Result<std::shared_ptr<const AggregateType>> open_one(const std::string& dir,
                                                      const std::string& plugin,
                                                      const std::string& config_json) {
  auto library = PluginLibrary::open(dir, plugin);
  if (!library.ok()) return library.status();
  if ((*library)->aggregate() == nullptr) {
    return failed_precondition("it supplies no aggregate (" SLUICE_AGGREGATE ")");
  }
  auto config = apply_schema((*library)->metadata().aggregate->config_schema, config_json);
  if (!config.ok()) return config.status();
  if (config->size() > kPluginAggregateConfigBytesMax) {
    return invalid_argument("config: expected at most " +
                            std::to_string(kPluginAggregateConfigBytesMax) +
                            " bytes with all defaults, got " + std::to_string(config->size()));
  }
  auto type = std::make_shared<LoadedAggregate>(*std::move(library),
                                                PluginAggregateKey{plugin, *std::move(config)});
  if (Status s = type->begin(); !s.ok()) return s;
  return std::shared_ptr<const AggregateType>(std::move(type));
}

}  // namespace

Result<std::shared_ptr<const AggregateType>> open_aggregate(const std::string& dir,
                                                            const std::string& plugin,
                                                            const std::string& config_json,
                                                            const std::string& where) {
  auto type = open_one(dir, plugin, config_json);
  if (type.ok()) return type;
  return Status(type.status().code(),
                where + " (" + plugin + "): " + std::string(type.status().message()));
}

std::shared_ptr<const AggregateType> AggregateFolder::find(const PluginAggregateKey& key) {
  MutexLock lock(mutex_);
  const std::pair<std::string, std::string> place(key.plugin, key.config_json);
  if (const auto it = found_.find(place); it != found_.end()) return it->second;
  if (found_.size() >= kKeysMax) return nullptr;
  auto type = open_one(dir_, key.plugin, key.config_json);
  if (!type.ok()) {
    log::warn("plugin_host", "the aggregates of a plugin cannot be merged here",
              {{"plugin", key.plugin}, {"error", type.status().message()}});
  }
  std::shared_ptr<const AggregateType>& found = found_[place];
  if (type.ok() && (*type)->key() == key) found = *type;
  return found;
}

}  // namespace sluice
