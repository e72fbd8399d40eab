#include "plugin_host/aggregate_library.h"

#include <atomic>
#include <utility>

#include "base/log.h"
#include "base/shown_text.h"
#include "plugin_host/c_call.h"
#include "plugin_host/config_schema.h"
#include "plugin_host/plugin_library.h"
#include "sluice_aggregate.h"

namespace sluice {
namespace {

static_assert(kPluginAggregateBytesMax == SLUICE_AGGREGATE_BYTES_MAX);
static_assert(kPluginAggregateResultsMax == SLUICE_AGGREGATE_RESULTS_MAX);

constexpr std::size_t kFailureBytesMax = 256;  // as an attribute of an event has them

/// What save() may write to.
struct SavedBytes {
  std::string& out;
  std::size_t room;
  bool refused = false;
};

sluice_result append(const sluice_writer* writer, const void* bytes, std::size_t size) {
  auto& saved = *static_cast<SavedBytes*>(writer->ctx);
  if (size > saved.room || (size > 0 && bytes == nullptr)) {
    saved.refused = true;
    return SLUICE_REFUSED;
  }
  if (size > 0) saved.out.append(static_cast<const char*>(bytes), size);
  saved.room -= size;
  return SLUICE_OK;
}

/// An aggregate behind its C functions.
class LibraryAggregate final : public AggregateType {
 public:
  LibraryAggregate(std::unique_ptr<PluginLibrary> library, PluginAggregateKey key)
      : library_(std::move(library)),
        c_(*library_->aggregate()),
        identity_{std::move(key), library_->metadata().version, {}} {
    for (const auto& result : library_->metadata().aggregate->results) {
      identity_.result_names.push_back(result.name);
    }
  }
  ~LibraryAggregate() override {
    if (!opened_) return;
    outcome_of([this] {
      c_.close(self_);
      return SLUICE_OK;
    });
  }

  /// `config_json` has passed the schema.
  Status begin(const std::string& config_json) {
    WhyText why{};
    sluice_result result = SLUICE_FAILED;
    const std::string outcome = outcome_of(
        [&] { return result = c_.open(config_json.c_str(), &self_, why.data(), why.size()); });
    if (result == SLUICE_BAD_CONFIG) return invalid_argument("config: " + text_of(why));
    if (!outcome.empty()) {
      return internal_error("its aggregate: open " + outcome + ": " + text_of(why));
    }
    opened_ = true;
    return read_sizes();
  }

  const PluginAggregateIdentity& identity() const override { return identity_; }
  std::size_t state_bytes() const override { return sizes_.state_bytes; }
  std::size_t saved_bytes_max() const override { return sizes_.saved_bytes_max; }
  std::uint64_t failures() const override { return failures_.load(std::memory_order_relaxed); }

  std::shared_ptr<const std::string> failure() const override {
    const MutexLock lock(failure_mutex_);
    return failure_;
  }

  bool init(std::byte* state) const override {
    return kept(kInit, outcome_of([&] {
                  c_.init(self_, state);
                  return SLUICE_OK;
                }));
  }
  bool add(std::byte* state, std::int64_t event_time_ns, double value) const override {
    return kept(kAdd, outcome_of([&] { return c_.add(self_, state, event_time_ns, value); }));
  }
  bool merge(std::byte* state, const std::byte* other) const override {
    return kept(kMerge, outcome_of([&] { return c_.merge(self_, state, other); }));
  }
  bool move_by(std::byte* state, std::int64_t ns) const override {
    if (c_.move_by == nullptr) return true;
    return kept(kMoveBy, outcome_of([&] { return c_.move_by(self_, state, ns); }));
  }

  bool save(const std::byte* state, std::string& out) const override {
    const std::size_t before = out.size();
    SavedBytes saved{out, sizes_.saved_bytes_max};
    const sluice_writer writer{sizeof(sluice_writer), &saved, append};
    std::string outcome = outcome_of([&] { return c_.save(self_, state, &writer); });
    if (saved.refused) {
      outcome = "wrote more than its saved_bytes_max, " + std::to_string(sizes_.saved_bytes_max);
    } else if (outcome.empty() && out.size() == before) {
      outcome = "wrote nothing";
    }
    if (!outcome.empty()) out.resize(before);
    return kept(kSave, outcome);
  }

  bool restore(std::byte* state, std::string_view bytes,
               const std::string& version) const override {
    WhyText why{};
    const std::string outcome = outcome_of([&] {
      return c_.restore(self_, state, bytes.data(), bytes.size(), version.c_str(), why.data(),
                        why.size());
    });
    return kept(kRestore,
                outcome.empty() ? "" : outcome + " of version " + version + ": " + text_of(why));
  }

  bool result(const std::byte* state, std::span<double> values) const override {
    return kept(kResult, outcome_of([&] {
                  c_.result(self_, state, values.data());
                  return SLUICE_OK;
                }));
  }

 private:
  enum Function : std::uint32_t { kInit, kAdd, kMerge, kMoveBy, kSave, kRestore, kResult };

  Status read_sizes() {
    sizes_.struct_size = sizeof sizes_;
    const std::string outcome = outcome_of([this] {
      c_.sizes(self_, &sizes_);
      return SLUICE_OK;
    });
    if (!outcome.empty()) return internal_error("its aggregate: sizes " + outcome);
    for (const auto& [name, bytes] : {std::pair("state_bytes", sizes_.state_bytes),
                                      {"saved_bytes_max", sizes_.saved_bytes_max}}) {
      if (bytes == 0 || bytes > SLUICE_AGGREGATE_BYTES_MAX) {
        return internal_error(std::string("its aggregate: ") + name + " is " +
                              std::to_string(bytes) + ", expected 1..65536");
      }
    }
    return {};
  }

  static constexpr const char* kNames[] = {"init", "add",     "merge", "move_by",
                                           "save", "restore", "result"};

  /// Those who have been told of the same failure share its text.
  void keep_failure(Function function, const std::string& outcome) const {
    const std::string all = std::string(kNames[function]) + ": " + shown(outcome, kFailureBytesMax);
    const std::string_view text = utf8_head(all, kFailureBytesMax);
    const MutexLock lock(failure_mutex_);
    if (!failure_ || *failure_ != text) failure_ = std::make_shared<const std::string>(text);
  }

  /// Whether the call went well: `outcome` is empty. Else it counts, and the log has the first.
  bool kept(Function function, const std::string& outcome) const {
    if (outcome.empty()) return true;
    failures_.fetch_add(1, std::memory_order_relaxed);
    keep_failure(function, outcome);
    if ((told_.fetch_or(1u << function, std::memory_order_relaxed) >> function & 1) != 0) {
      return false;
    }
    // The plugin in the message: repeats are counted by it.
    log::warn("plugin_host",
              "a call of the aggregate of plugin " + identity_.key.plugin + " failed",
              {{"version", identity_.version},
               {"config", identity_.key.config_json},
               {"function", kNames[function]},
               {"reason", outcome}});
    return false;
  }

  const std::unique_ptr<PluginLibrary> library_;  // first in, last out: all else calls into it
  const sluice_aggregate& c_;
  PluginAggregateIdentity identity_;
  void* self_ = nullptr;
  bool opened_ = false;
  sluice_aggregate_sizes sizes_{};
  mutable std::atomic<std::uint64_t> failures_{0};
  mutable std::atomic<std::uint32_t> told_{0};  ///< a bit for each function
  mutable Mutex failure_mutex_;
  mutable std::shared_ptr<const std::string> failure_ SLUICE_GUARDED_BY(failure_mutex_);
};

Result<std::shared_ptr<const AggregateType>> open(const std::string& dir, const std::string& plugin,
                                                  const std::string& config_json,
                                                  const PluginAggregateKey* key) {
  auto library = PluginLibrary::open(dir, plugin);
  if (!library.ok()) return library.status();
  const auto& metadata = (*library)->metadata().aggregate;
  if (!metadata) {
    return failed_precondition((*library)->path() + ": supplies no aggregate (" SLUICE_AGGREGATE
                                                    ")");
  }
  const auto config = apply_schema(metadata->config_schema, config_json);
  if (!config.ok()) return config.status();
  PluginAggregateKey of = key != nullptr ? *key : PluginAggregateKey{plugin, *config};
  if (of.config_json.size() > kPluginAggregateConfigBytesMax) {
    return invalid_argument("config: expected at most 1024 bytes with all defaults, got " +
                            std::to_string(of.config_json.size()));
  }
  const auto type = std::make_shared<LibraryAggregate>(*std::move(library), std::move(of));
  if (Status s = type->begin(*config); !s.ok()) return s;
  return std::shared_ptr<const AggregateType>(type);
}

}  // namespace

Result<std::shared_ptr<const AggregateType>> open_aggregate(const std::string& dir,
                                                            const std::string& plugin,
                                                            const std::string& config_json,
                                                            const std::string& where) {
  auto type = open(dir, plugin, config_json, nullptr);
  if (type.ok()) return type;
  const std::string start = (where.empty() ? "aggregate" : where) + " (" + plugin + "): ";
  return Status(type.status().code(), start + std::string(type.status().message()));
}

std::shared_ptr<const AggregateType> AggregateFolder::find(const PluginAggregateKey& key) {
  const MutexLock lock(mutex_);
  const auto known = types_.find({key.plugin, key.config_json});
  if (known != types_.end()) return known->second;
  make_room();
  auto type = open(dir_, key.plugin, key.config_json, &key);
  if (!type.ok()) {
    log::warn("plugin_host", "no aggregate of a plugin",
              {{"plugin", key.plugin},
               {"config", key.config_json},
               {"reason", std::string(type.status().message())}});
  }
  return types_[{key.plugin, key.config_json}] = type.ok() ? *type : nullptr;
}

/// What nobody else holds can be opened again.
void AggregateFolder::make_room() {
  if (types_.size() < kKeysMax) return;
  std::erase_if(types_, [](const auto& entry) { return entry.second.use_count() <= 1; });
}

}  // namespace sluice
