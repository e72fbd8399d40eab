#include "plugin_host/plugin_stage.h"

#include <array>
#include <exception>
#include <utility>

#include "base/bytes.h"
#include "plugin_host/config_schema.h"
#include "plugin_host/held_readings.h"
#include "plugin_host/host_services.h"
#include "plugin_host/plugin_call.h"
#include "plugin_host/plugin_library.h"
#include "sluice_plugin.h"

namespace sluice {
namespace {

constexpr std::uint8_t kSnapshotFormat = 1;
using WhyText = std::array<char, 1024>;

std::string text_of(WhyText& why) {
  why.back() = '\0';
  return why.front() == '\0' ? "no reason given" : why.data();
}

/// "" when `call` answered SLUICE_OK, else what it did instead.
template <typename Call>
std::string outcome_of(Call call) {
  try {
    const sluice_result result = call();
    if (result == SLUICE_OK) return "";
    return "answered " + std::to_string(result) +
           (result == SLUICE_FAILED ? " (SLUICE_FAILED)" : "");
  } catch (const std::exception& e) {
    return std::string("threw across the C border: ") + e.what();
  } catch (...) {
    return "threw across the C border";
  }
}

/// A plugin seen as a Stage. [pipeline]
class PluginStage final : public Stage {
 public:
  PluginStage(std::unique_ptr<PluginLibrary> library, const StageOptions& options)
      : name_(options.stage.empty() ? options.plugin : options.stage),
        library_(std::move(library)),
        plugin_(library_->descriptor()),
        services_(options.series, options.pipeline, name_, options.plugin),
        held_(library_->metadata().deterministic ? SLUICE_HELD_MAX : 0),
        call_(options.series, held_, plugin_.rule_count) {}

  ~PluginStage() override {
    if (!created_) return;
    outcome_of([this] {
      plugin_.destroy(self_);
      return SLUICE_OK;
    });
  }

  Status create(const std::string& config_json, const std::string& where) {
    WhyText why{};
    sluice_result result = SLUICE_FAILED;
    const std::string outcome = outcome_of([&] {
      return result = plugin_.create(services_.host(), config_json.c_str(), &self_, why.data(),
                                     why.size());
    });
    if (result == SLUICE_BAD_CONFIG) return invalid_argument(where + ": config: " + text_of(why));
    if (!outcome.empty()) {
      return internal_error(where + ": create " + outcome + ": " + text_of(why));
    }
    created_ = true;
    ordered_ = library_->metadata().ordered;
    if (plugin_.ordered == nullptr) return {};
    const std::string ordered_outcome = outcome_of([this] {
      ordered_ = plugin_.ordered(self_) != 0;
      return SLUICE_OK;
    });
    return ordered_outcome.empty() ? Status() : failure("ordered", ordered_outcome);
  }

  const std::string& name() const override { return name_; }
  const std::vector<std::string>& rules() const override { return library_->metadata().rules; }
  bool ordered() const override { return ordered_; }

  Status process(const ReadingBatch& in, StageOutput& out) override {
    if (in.empty()) return {};
    started_ = true;
    static_assert(sizeof(ValueKind) == 1 && sizeof(Quality) == 1);
    const sluice_batch batch{sizeof(sluice_batch),
                             static_cast<std::uint32_t>(in.size()),
                             in.series.data(),
                             in.topic.data(),
                             in.event_time_ns.data(),
                             reinterpret_cast<const std::uint8_t*>(in.kind.data()),
                             reinterpret_cast<const std::uint8_t*>(in.quality.data()),
                             in.bits.data()};
    return run("process", &in, out,
               [&] { return plugin_.process(self_, &batch, call_.verdicts(), call_.emit()); });
  }

  bool wants_time() const override { return plugin_.on_time != nullptr; }

  Status on_time(std::int64_t watermark_ns, StageOutput& out) override {
    if (plugin_.on_time == nullptr) return {};
    started_ = true;
    return run("on_time", nullptr, out,
               [&] { return plugin_.on_time(self_, watermark_ns, call_.emit()); });
  }

  Result<std::string> snapshot() override {
    std::string state;
    if (plugin_.snapshot != nullptr) {
      const sluice_writer writer{sizeof(sluice_writer), &state, append};
      const std::string outcome = outcome_of([&] { return plugin_.snapshot(self_, &writer); });
      if (!outcome.empty()) return failure("snapshot", outcome);
    }
    ByteWriter out;
    out.u8(kSnapshotFormat);
    out.string(library_->metadata().name);
    out.string(library_->metadata().version);
    out.u64(call_.topic_max());
    held_.encode(out);
    out.string(state);
    return out.take();
  }

  Status restore(std::string_view snapshot) override {
    if (std::exchange(started_, true)) {
      return failed_precondition(label() + ": restore after the first call");
    }
    ByteReader in(snapshot);
    if (const auto format = in.u8(); !in.ok() || format != kSnapshotFormat) {
      return data_loss(label() + ": snapshot of unknown format");
    }
    const std::string plugin(in.string());
    const std::string version(in.string());
    const std::uint64_t topic_max = in.u64();
    if (in.ok() && plugin != library_->metadata().name) {
      return failed_precondition(label() + ": the snapshot is of plugin \"" + plugin + "\"");
    }
    if (Status s = held_.decode(in); !s.ok()) {
      return data_loss(label() + ": snapshot: " + std::string(s.message()));
    }
    const std::string_view state = in.string();
    if (!in.at_end() || topic_max > UINT32_MAX) {
      return data_loss(label() + ": the snapshot is cut short or malformed");
    }
    call_.set_topic_max(static_cast<TopicId>(topic_max));
    return restore_plugin(state, version);
  }

 private:
  std::string label() const {
    const PluginMetadata& m = library_->metadata();
    return "stage " + name_ + " (plugin " + m.name + " " + m.version + ")";
  }
  Status failure(const char* function, const std::string& what) const {
    return internal_error(label() + ": " + function + ": " + what);
  }

  template <typename Call>
  Status run(const char* function, const ReadingBatch* in, StageOutput& out, Call call) {
    call_.begin(in);
    services_.set_in_call(true);
    const std::string outcome = outcome_of(call);
    services_.set_in_call(false);
    if (!outcome.empty()) {
      call_.abandon();
      // A plugin that gives up because it was refused has the refusal as its reason.
      return failure(function, call_.violation().empty() ? outcome : call_.violation());
    }
    const Status status = call_.finish(out);
    return status.ok() ? Status() : failure(function, std::string(status.message()));
  }

  Status restore_plugin(std::string_view state, const std::string& version) {
    if (plugin_.restore == nullptr) {
      if (state.empty()) return {};
      return failed_precondition(label() + ": the snapshot has state, but this version keeps none");
    }
    WhyText why{};
    const std::string outcome = outcome_of([&] {
      return plugin_.restore(self_, state.data(), state.size(), version.c_str(), why.data(),
                             why.size());
    });
    if (outcome.empty()) return {};
    return data_loss(label() + ": restore from version " + version + " " + outcome + ": " +
                     text_of(why));
  }

  static sluice_result append(const sluice_writer* writer, const void* bytes, std::size_t size) {
    std::string& state = *static_cast<std::string*>(writer->ctx);
    if (size > SLUICE_SNAPSHOT_BYTES_MAX - state.size()) return SLUICE_REFUSED;
    if (size > 0) state.append(static_cast<const char*>(bytes), size);
    return SLUICE_OK;
  }

  const std::string name_;
  const std::unique_ptr<PluginLibrary> library_;  // first in, last out: all below calls into it
  const sluice_plugin_descriptor& plugin_;
  HostServices services_;
  HeldReadings held_;
  PluginCall call_;
  void* self_ = nullptr;
  bool created_ = false;
  bool ordered_ = false;
  bool started_ = false;
};

}  // namespace

Result<std::unique_ptr<Stage>> make_stage(const StageOptions& options) {
  const std::string where =
      (options.where.empty() ? "stage" : options.where) + " (" + options.plugin + ")";
  auto library = PluginLibrary::open(options.dir, options.plugin);
  if (!library.ok()) {
    const Status s = library.status();
    return Status(s.code(), where + ": " + std::string(s.message()));
  }
  const auto config = apply_schema((*library)->metadata().config_schema, options.config_json);
  if (!config.ok()) return invalid_argument(where + ": " + std::string(config.status().message()));
  auto stage = std::make_unique<PluginStage>(std::move(*library), options);
  if (Status s = stage->create(*config, where); !s.ok()) return s;
  return std::unique_ptr<Stage>(std::move(stage));
}

}  // namespace sluice
