#include "plugin_host/plugin_stage.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/shown_text.h"
#include "model/boot_time.h"
#include "plugin_host/call_record.h"
#include "plugin_host/config_schema.h"
#include "plugin_host/held_readings.h"
#include "plugin_host/host_services.h"
#include "plugin_host/isolated_instance.h"
#include "plugin_host/local_instance.h"
#include "plugin_host/plugin_call.h"

namespace sluice {
namespace {

constexpr std::uint8_t kSnapshotFormat = 2;
/// First byte of the record of a call that failed, and of one that did not.
constexpr char kFailed = 0;
constexpr char kWasTaken = 1;

sluice_batch columns_of(const ReadingBatch& in) {
  static_assert(sizeof(ValueKind) == 1 && sizeof(Quality) == 1);
  return {sizeof(sluice_batch),
          static_cast<std::uint32_t>(in.size()),
          in.series.data(),
          in.topic.data(),
          in.event_time_ns.data(),
          reinterpret_cast<const std::uint8_t*>(in.kind.data()),
          reinterpret_cast<const std::uint8_t*>(in.quality.data()),
          in.bits.data()};
}

/// A plugin seen as a Stage. [pipeline]
class PluginStage final : public Stage, private RecordedCalls {
 public:
  explicit PluginStage(const StageOptions& options)
      : name_(options.stage.empty() ? options.plugin : options.stage),
        passes_on_failure_(options.passes_on_failure),
        series_(options.series),
        services_(options.series, options.pipeline, name_, options.plugin) {}

  Status begin(const StageOptions& options) {
    if (Status s = options.isolation != nullptr ? begin_isolated(options) : begin_local(options);
        !s.ok()) {
      return s;
    }
    // What a plugin that is not deterministic holds, nobody could settle after a restart.
    held_ = HeldReadings(metadata_.deterministic ? SLUICE_HELD_MAX : 0);
    call_.emplace(series_, held_, static_cast<std::uint32_t>(metadata_.rules.size()));
    is_recorded_ = options.isolation != nullptr || !metadata_.deterministic;
    return {};
  }

  const std::string& name() const override { return name_; }
  RunningPlugin plugin() const override { return {metadata_.name, metadata_.version}; }
  const std::vector<std::string>& rules() const override { return metadata_.rules; }
  bool ordered() const override { return instance_->ordered(); }
  bool wants_time() const override { return instance_->wants_time(); }
  RecordedCalls* recorded_calls() override { return this; }
  bool passes_on_failure() const override { return passes_on_failure_; }

  Status process(const ReadingBatch& in, StageOutput& out) override {
    if (in.empty()) return {};
    const sluice_batch batch = columns_of(in);
    topic_ = in.topic.back();
    return run("process", &in, 0, out, [&](sluice_verdict* verdicts, const sluice_emit* emit) {
      return instance_->process(batch, verdicts, emit);
    });
  }

  Status on_time(std::int64_t watermark_ns, StageOutput& out) override {
    if (!instance_->wants_time()) return {};
    return run("on_time", nullptr, watermark_ns, out,
               [&](sluice_verdict*, const sluice_emit* emit) {
                 return instance_->on_time(watermark_ns, emit);
               });
  }

  void let_rest() override { instance_->let_rest(); }
  Result<std::string> snapshot() override {
    const Result<SavedState> saved = instance_->snapshot();
    if (!saved.ok()) return failure("snapshot", std::string(saved.status().message()));
    ByteWriter out;
    out.u8(kSnapshotFormat);
    out.string(metadata_.name);
    out.string(saved->version);
    out.u64(call_->topic_max());
    held_.encode(out);
    out.string(saved->state);
    out.u64(saved->journal.size());
    for (const std::string& request : saved->journal) out.string(request);
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
    SavedState saved;
    saved.version = in.string();
    const std::uint64_t topic_max = in.u64();
    if (in.ok() && plugin != metadata_.name) {
      return failed_precondition(label() + ": the snapshot is of plugin \"" + plugin + "\"");
    }
    if (Status s = held_.decode(in); !s.ok()) {
      return Status(s.code(), label() + ": snapshot: " + std::string(s.message()));
    }
    saved.state = in.string();
    const std::size_t calls = in.count();
    for (std::size_t i = 0; i < calls; ++i) saved.journal.emplace_back(in.string());
    if (!in.at_end() || topic_max > UINT32_MAX) {
      return data_loss(label() + ": the snapshot is cut short or malformed");
    }
    call_->set_topic_max(static_cast<TopicId>(topic_max));
    const Status status = instance_->restore(saved);
    return status.ok() ? status
                       : Status(status.code(), label() + ": " + std::string(status.message()));
  }

 private:
  bool records() const override { return is_recorded_; }
  std::string take_record() override { return std::exchange(record_, {}); }
  /// The plugin sees the call for the sake of its state; what it says this time does not count.
  Status replay(const ReadingBatch* in, std::int64_t watermark_ns, std::string_view record,
                StageOutput& out) override {
    if (record.empty() || record.front() != kWasTaken) return failure("replay", "it failed then");
    show_again(in, watermark_ns);
    const std::uint32_t rows = in == nullptr ? 0 : static_cast<std::uint32_t>(in->size());
    call_->begin_again(in);
    const Status said = apply_call_record(record.substr(1), rows, call_->verdicts(), call_->emit());
    return finish("replay", said, out);
  }

  Status begin_local(const StageOptions& options) {
    auto library = PluginLibrary::open(options.dir, options.plugin);
    if (!library.ok()) return library.status();
    metadata_ = (*library)->metadata();
    const auto config = apply_schema(metadata_.config_schema, options.config_json);
    if (!config.ok()) return config.status();
    auto instance = LocalInstance::create(*std::move(library), services_.host(), *config);
    if (!instance.ok()) return instance.status();
    instance_ = *std::move(instance);
    return {};
  }

  Status begin_isolated(const StageOptions& options) {
    auto instance = IsolatedInstance::create(
        *options.isolation, options.dir, options.plugin, options.config_json,
        {services_, series_, options.clock == nullptr ? kernel_clock_ : *options.clock,
         [this] { return tokens(); }});
    if (!instance.ok()) return instance.status();
    metadata_ = (*instance)->metadata();
    instance_ = *std::move(instance);
    return {};
  }

  TokenRange tokens() const { return {held_.next(), held_.room()}; }

  std::string label() const {
    return "stage " + name_ + " (plugin " + metadata_.name + " " + metadata_.version + ")";
  }
  Status failure(const char* function, const std::string& what) const {
    return internal_error(label() + ": " + function + ": " + what);
  }

  template <typename Call>
  Status run(const char* function, const ReadingBatch* in, std::int64_t watermark_ns,
             StageOutput& out, Call call) {
    started_ = true;
    call_->begin(in);
    const bool records_here = is_recorded_ && !instance_->records();
    if (records_here) recorder_.begin(call_->emit());
    services_.set_in_call(true);
    Status said = call(call_->verdicts(), records_here ? recorder_.emit() : call_->emit());
    services_.set_in_call(false);
    std::string record;
    if (is_recorded_) {
      // Also when the plugin gave up: this is why.
      if (Status s = take_said(records_here, in, record); !s.ok()) said = s;
    }
    const Status status = finish(function, said, out);
    if (is_recorded_) record_ = status.ok() ? kWasTaken + record : std::string(1, kFailed);
    instance_->call_ended(status);
    tell_incidents(in, watermark_ns, out);
    return status;
  }

  /// Before the call is taken: without its record it must not be.
  Status take_said(bool records_here, const ReadingBatch* in, std::string& record) {
    if (!records_here) {
      record = instance_->take_record();
      return {};
    }
    const std::uint32_t rows = in == nullptr ? 0 : static_cast<std::uint32_t>(in->size());
    Result<std::string> said = recorder_.finish(call_->verdicts(), rows);
    if (!said.ok()) return said.status();
    record = *std::move(said);
    return {};
  }

  Status finish(const char* function, const Status& said, StageOutput& out) {
    if (!said.ok()) {
      // A plugin that gives up because it was refused has the refusal as its reason.
      const std::string what =
          call_->violation().empty() ? std::string(said.message()) : call_->violation();
      call_->abandon();
      return failure(function, what);
    }
    const Status status = call_->finish(out);
    return status.ok() ? Status() : failure(function, std::string(status.message()));
  }

  void show_again(const ReadingBatch* in, std::int64_t watermark_ns) {
    CallRecorder nobody;
    const std::size_t rows = in == nullptr ? 0 : in->size();
    nobody.begin(held_.next(), held_.room(), static_cast<std::uint32_t>(rows));
    std::vector<sluice_verdict> verdicts(rows, {SLUICE_VERDICT_NONE, 0, 0});
    services_.set_in_call(true);
    const Status status = in == nullptr
                              ? instance_->on_time(watermark_ns, nobody.emit())
                              : instance_->process(columns_of(*in), verdicts.data(), nobody.emit());
    services_.set_in_call(false);
    instance_->call_ended(status);
    instance_->take_incidents();
  }

  /// As many as a dead letter has room for.
  std::string shown_readings(const ReadingBatch& in) const {
    std::string text;
    for (std::size_t row = 0; row < in.size() && text.size() < kDeadLetterBytes; ++row) {
      const Series series = series_.at(in.series[row]);
      text += series.measurement;
      for (const auto& [label, value] : series.labels) text += " " + label + "=" + value;
      char value[32];
      const auto end = std::to_chars(value, value + sizeof value, in.at(row).value.as_double()).ptr;
      text += " " + std::to_string(in.event_time_ns[row]) + " " + std::string(value, end) + "\n";
    }
    return text;
  }

  /// Where in time and of what a failed call was: its first reading. When time alone passed, no
  /// series, and only whether it was boot time is known.
  Event event_of_call(const ReadingBatch* in, std::int64_t watermark_ns) const {
    Event event;
    if (in != nullptr) {
      event.series = in->series.front();
      event.topic = in->topic.front();
      event.event_time_ns = in->event_time_ns.front();
    } else {
      event.topic = topic_ & kBootTopic;
      event.event_time_ns = std::clamp<std::int64_t>(watermark_ns, 0, kEventTimeMaxNs);
    }
    return event;
  }

  void tell_incidents(const ReadingBatch* in, std::int64_t watermark_ns, StageOutput& out) {
    for (const Incident& incident : instance_->take_incidents()) {
      if (incident.by_input && in != nullptr) out.fatal_input = shown_readings(*in);
      Event event = event_of_call(in, watermark_ns);
      event.severity = Severity::error;
      event.name = incident.is_quarantine ? "plugin_quarantined" : "plugin_failed";
      event.message = incident.is_quarantine ? "A plugin failed too often and is not run any more."
                                             : "A plugin's process failed; it is started anew.";
      event.attributes = {
          {"plugin", metadata_.name},
          {"version", metadata_.version},
          {"reason", std::string(utf8_head(incident.text, SLUICE_ATTRIBUTE_BYTES_MAX))}};
      out.events.push_back(std::move(event));
    }
  }

  const std::string name_;
  const bool passes_on_failure_;
  SeriesTable& series_;
  PluginMetadata metadata_;
  HostServices services_;
  const SystemClock kernel_clock_;
  HeldReadings held_{0};
  std::optional<PluginCall> call_;
  CallRecorder recorder_;
  std::string record_;
  bool is_recorded_ = false;
  bool started_ = false;
  TopicId topic_ = 0;                         ///< of the last reading; 0: none came
  std::unique_ptr<PluginInstance> instance_;  // last in, first out: it uses what is above
};

}  // namespace

Result<std::unique_ptr<Stage>> make_stage(const StageOptions& options) {
  const std::string where =
      (options.where.empty() ? "stage" : options.where) + " (" + options.plugin + ")";
  auto stage = std::make_unique<PluginStage>(options);
  if (Status s = stage->begin(options); !s.ok()) {
    return Status(s.code(), where + ": " + std::string(s.message()));
  }
  return std::unique_ptr<Stage>(std::move(stage));
}

}  // namespace sluice
