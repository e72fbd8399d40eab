// What many series cost. Usage: series_bench [series].
//
// Memory: the decoder and the engine with so many series (100,000) on topics of their own, one
// 1-minute window each, after one reading and after ten; as heap, as resident memory, and by owner,
// each owner filled alone with the same keys. CPU: of decode to window, for each reading, beside
// that of parsing the JSON and nothing else. The store takes every group and forgets it.
#include <malloc.h>
#include <simdjson.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "ingest/json_decoder.h"
#include "pipeline/aligned_windows.h"
#include "pipeline/engine.h"
#include "pipeline/matcher.h"
#include "sync/summary_encoder.h"

namespace {

using namespace sluice;

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kStart = 1'780'000'020 * kSecond;  // a full minute
constexpr std::size_t kSeriesMax = 1'000'000;

double mib(std::size_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

std::size_t heap_bytes() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

std::size_t resident_pages() {
  std::size_t all = 0;
  std::size_t resident = 0;
  std::ifstream("/proc/self/statm") >> all >> resident;
  return resident;
}

double thread_cpu_ns() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return 1e9 * static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec);
}

std::string topic_of(std::size_t series) {
  return "plant/line-" + std::to_string(series % 16) + "/device-" +
         std::to_string(100'000 + series);
}

std::string payload_at(std::int64_t time_ns, std::size_t series) {
  return R"({"time":)" + std::to_string(time_ns / 1'000'000) + R"(,"temperature":)" +
         std::to_string(20 + series % 10) + "." + std::to_string(series % 100) + "}";
}

Series series_of(std::size_t series) {
  return {"temperature",
          "Cel",
          {{"device", "device-" + std::to_string(100'000 + series)},
           {"line", "line-" + std::to_string(series % 16)}}};
}

class HandClock final : public Clock {
 public:
  std::int64_t boottime_ns() const override { return now_ns; }
  std::int64_t wall_ns() const override { return kStart + now_ns; }
  std::int64_t now_ns = kSecond;
};

class Forgetful final : public CommitSink {
 public:
  bool try_submit(CommitGroup& group) override {
    panes += group.outbox.size();
    group = {};
    return true;
  }
  std::optional<std::int64_t> behind_since_ns() const override { return std::nullopt; }
  std::size_t panes = 0;
};

/// Gives what it was given.
class Given final : public MessageSource {
 public:
  std::size_t take(std::vector<IngestEvent>& out, std::size_t count_max,
                   std::chrono::milliseconds) override {
    const std::size_t count = std::min(count_max, events.size() - next);
    for (std::size_t i = 0; i < count; ++i) out.push_back(std::move(events[next++]));
    return count;
  }
  void release(const AckPosition&) override {}
  std::uint64_t take_dropped_qos0(std::uint32_t) override { return 0; }

  std::vector<IngestEvent> events;
  std::size_t next = 0;
};

JsonDecoderOptions decoding() {
  JsonSource source;
  source.name = "plant";
  source.patterns.push_back(*TopicPattern::parse("plant/{line}/{device}"));
  source.time = "/time";
  source.time_format = TimeFormat::ms;
  source.fields = {{"/temperature", "temperature", "Cel"}};
  JsonDecoderOptions options;
  options.sources = {source};
  return options;
}

std::vector<PipelineSpec> minutes() {
  std::vector<PipelineSpec> specs(1);
  specs[0].name = "minutes";
  specs[0].hash = 1;
  specs[0].windows = {WindowSpec::tumbling(60 * kSecond)};
  specs[0].shares.windows_max = kSeriesMax;
  return specs;
}

/// All of the data plane but broker, store and uplink.
struct Plane {
  Plane() {
    SourceSpec source;
    source.name = "plant";
    engine = std::make_unique<Engine>(
        EngineOptions(), std::vector<SourceSpec>{source}, minutes(),
        Engine::Rooms{messages, *decoder, store, encoder, series, topics, clock});
    engine->begin();
  }
  /// Message `count` of them on, all that is there is taken and committed.
  void take_all() {
    while (messages.next < messages.events.size()) {
      clock.now_ns += kSecond / 100;
      engine->step();
    }
    messages.events = {};
    messages.next = 0;
    clock.now_ns += kSecond;
    engine->step();
  }
  IngestEvent message(std::size_t number, std::int64_t time_ns) {
    IngestEvent event;
    event.topic = topic_of(number);
    event.payload = payload_at(time_ns, number);
    event.qos = 1;
    event.packet_id = static_cast<std::uint16_t>(1 + number % 65'000);
    event.position = {0, 1, ++tickets};
    event.boottime_ns = clock.now_ns;
    event.wall_ns = clock.wall_ns();
    return event;
  }

  HandClock clock;
  Given messages;
  Forgetful store;
  ProtoSummaryEncoder encoder;
  SeriesTable series{kSeriesMax};
  TopicTable topics{kSeriesMax};
  std::unique_ptr<JsonDecoder> decoder = *JsonDecoder::create(decoding(), series, topics);
  std::unique_ptr<Engine> engine;
  std::uint64_t tickets = 0;
};

void print_owner(const char* name, std::size_t heap_before, std::size_t series) {
  const std::size_t bytes = heap_bytes() - heap_before;
  std::printf("| %s | %.1f | %.0f |\n", name, mib(bytes),
              static_cast<double>(bytes) / static_cast<double>(series));
}

/// Each owner alone; what it needs of others is made before.
void measure_owners(std::size_t count) {
  std::printf("| alone | MiB | heap bytes/series |\n|---|---|---|\n");
  SeriesTable series(kSeriesMax);
  TopicTable topics(kSeriesMax);
  std::size_t before = heap_bytes();
  for (std::size_t i = 0; i < count; ++i) series.intern(series_of(i));
  print_owner("series table", before, count);
  before = heap_bytes();
  for (std::size_t i = 0; i < count; ++i) topics.intern({"plant", topic_of(i)});
  print_owner("topic table", before, count);
  before = heap_bytes();
  Matcher matcher({}, series, topics);
  for (std::uint32_t id = 1; id <= count; ++id) matcher.wants(id, id);
  print_owner("matcher", before, count);
  before = heap_bytes();
  Watermarks watermarks(0, 300 * kSecond);
  for (TopicId id = 1; id <= count; ++id) watermarks.observe(id, kStart, kSecond);
  print_owner("watermarks", before, count);
  AlignedWindows windows(WindowSpec::tumbling(60 * kSecond));
  std::vector<Pane> panes;
  before = heap_bytes();
  for (int i = 0; i < 10; ++i) {
    for (SeriesId id = 1; id <= count; ++id) {
      const std::int64_t time_ns = kStart + i * kSecond;
      watermarks.observe(id, time_ns, kSecond);
      windows.fold({id, id, time_ns, Value::of(20.5), Quality::good}, false, panes);
      windows.advance(id, watermarks, kSecond, panes);
    }
    if (i == 0) print_owner("windows, 1 reading", before, count);
  }
  print_owner("windows, 10 readings", before, count);
  for (SeriesId id = 1; id <= count; ++id) {
    watermarks.observe(id, kStart + 60 * kSecond, kSecond);
    windows.advance(id, watermarks, kSecond, panes);
  }
  panes = std::vector<Pane>();
  print_owner("windows, none open", before, count);
}

/// Nothing comes, five times a second.
void measure_turns(Plane& plane, std::size_t count) {
  constexpr int kTurns = 50;
  const double start = thread_cpu_ns();
  for (int i = 0; i < kTurns; ++i) {
    plane.clock.now_ns += kSecond / 5;
    plane.engine->step();
  }
  const double quiet_ns = (thread_cpu_ns() - start) / kTurns;
  std::printf("\nwith %zu series: a turn in which nothing comes %.2f ms\n", count, quiet_ns / 1e6);
}

void measure_memory(std::size_t count) {
  malloc_trim(0);
  const std::size_t heap_before = heap_bytes();
  const std::size_t pages_before = resident_pages();
  Plane plane;
  std::printf(
      "\n| decoder and engine | heap MiB | heap bytes/series | RSS MiB |\n|---|---|---|---|\n");
  for (int reading = 0; reading < 10; ++reading) {
    for (std::size_t first = 0; first < count; first += 1000) {
      for (std::size_t i = first; i < std::min(first + 1000, count); ++i) {
        plane.messages.events.push_back(plane.message(i, kStart + reading * kSecond));
      }
      plane.take_all();
    }
    if (reading != 0 && reading != 9) continue;
    malloc_trim(0);
    const std::size_t heap = heap_bytes() - heap_before;
    std::printf("| %d reading(s) each | %.1f | %.0f | %.1f |\n", reading + 1, mib(heap),
                static_cast<double>(heap) / static_cast<double>(count),
                mib((resident_pages() - pages_before) * 4096));
  }
  measure_turns(plane, count);
}

double json_parse_ns(const std::vector<IngestEvent>& messages) {
  simdjson::dom::parser parser;
  double sum = 0;
  const double start = thread_cpu_ns();
  for (const IngestEvent& message : messages) {
    double value = 0;
    if (parser.parse(message.payload)["temperature"].get(value) == simdjson::SUCCESS) sum += value;
  }
  const double took = thread_cpu_ns() - start;
  asm volatile("" : : "g"(&sum) : "memory");
  return took / static_cast<double>(messages.size());
}

/// All series in turn, a reading a second, so a window is of 60 and its pane is encoded too.
void measure_cpu(std::size_t series) {
  constexpr std::size_t kMessages = 600'000;
  Plane plane;
  const auto make = [&](std::size_t from) {
    const std::size_t count = std::min<std::size_t>(20'000, kMessages - from);
    for (std::size_t i = from; i < from + count; ++i) {
      const std::int64_t time_ns = kStart + static_cast<std::int64_t>(i / series) * kSecond;
      plane.messages.events.push_back(plane.message(i % series, time_ns));
    }
  };
  double json_ns = 0;
  double all_ns = 0;
  std::size_t counted = 0;
  for (std::size_t from = 0; from < kMessages; from += 20'000) {
    make(from);
    const std::size_t made = plane.messages.events.size();
    const double parse_ns = json_parse_ns(plane.messages.events);
    const double start = thread_cpu_ns();
    plane.take_all();
    const double took = thread_cpu_ns() - start;
    if (from < 100'000) continue;  // series are met for the first time
    json_ns += parse_ns * static_cast<double>(made);
    all_ns += took;
    counted += made;
  }
  json_ns /= static_cast<double>(counted);
  all_ns /= static_cast<double>(counted);
  std::printf("| %zu | %.0f | %.0f | %.1f |\n", series, json_ns, all_ns, all_ns / json_ns);
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t count = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 100'000;
  measure_memory(count);
  measure_owners(count);
  std::printf(
      "\n| series | ns/reading, JSON parse alone | decode to window | x |\n|---|---|---|---|\n");
  for (const std::size_t series : {std::size_t{1}, std::size_t{100}, std::size_t{10'000}}) {
    measure_cpu(series);
  }
  return 0;
}
