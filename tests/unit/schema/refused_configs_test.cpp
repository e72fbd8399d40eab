// One row per mistake a person can make: each must be refused once, at its line, under its key
// path, with what would have been accepted. The marker `#!` stands on the line to be named.
#include <algorithm>
#include <vector>

#include "example.h"

namespace sluice {
namespace {

enum class Base { nothing, node, node_and_sources };

struct Mistake {
  Base base;
  const char* text;
  const char* key_path;
  const char* says;
};

constexpr Base kAll = Base::node_and_sources;

const Mistake kMistakes[] = {
    // YAML that would not mean what it seems to.
    {kAll, "limits: {series_max: 1\nlog: #!", "", "not valid YAML"},
    {kAll, "limits:\n\tseries_max: 1 #!\n", "", "not valid YAML"},
    {kAll, "limits: {series_max: 5}\nlimits: {series_max: 6} #!\n", "limits",
     "written twice; the first is at line 4"},
    {kAll, "limits:\n  series_max: 5\n  series_max: 5 #!\n", "limits.series_max", "written twice"},
    {kAll, "limits: &lim {series_max: 5} #!\n", "limits", "anchors (&name) are not accepted"},
    {kAll, "limits:\n  series_max: &n 5 #!\n", "limits.series_max", "anchors (&name)"},
    {kAll, "limits:\n  <<: {series_max: 5} #!\n", "limits.<<", "merge keys (<<) are not accepted"},
    {kAll, "limits:\n  series_max: !!int 5 #!\n", "limits.series_max", "tags (!name)"},
    {kAll, "limits:\n  series_max: ! 5 #!\n", "limits.series_max", "tags (!name)"},
    {kAll, "limits: !x {series_max: 5} #!\n", "limits", "tags (!name)"},
    {kAll, "--- #!\nlimits: {series_max: 5}\n", "", "a second document"},
    {kAll, "...\nlimits: {series_max: 5} #!\n", "", "a second document"},
    {Base::nothing, "- a\nnode: {name: x} #!\n", "", "check the indentation of this line"},
    {Base::nothing, "%YAML 1.2 #!\n---\nnode: {name: x}\n", "", "directives (%…)"},
    {kAll, "? [limits] #!\n: {series_max: 5}\n", "?", "a key must be text"},
    {kAll, "~: 5 #!\n", "?", "a key must be text"},
    {kAll, "limits: {series_max: 5} # \x01 #!\n", "", "not UTF-8 text, or a control character"},
    {kAll, "limits: {series_max: 5} # \xFF #!\n", "", "not UTF-8 text"},
    {Base::nothing, "[node, sources] #!\n", "", "expected a mapping with the keys node, storage"},
    {Base::nothing, "node #!\n", "", "got \"node\""},

    // Keys.
    {kAll, "limit: {series_max: 5} #!\n", "limit", "unknown key (did you mean \"limits\"?)"},
    {kAll, "limits:\n  seriesmax: 5 #!\n", "limits.seriesmax", "did you mean \"series_max\"?"},
    {kAll, "storage:\n  quota_bytes: 8388608 #!\n", "storage.quota_bytes",
     "did you mean \"quota\"?"},
    {kAll, "storage:\n  commit_interval_ns: 5 #!\n", "storage.commit_interval_ns",
     "did you mean \"commit_interval\"?"},
    {kAll, "limits:\n  zzzzzzzzzzzz: 5 #!\n", "limits.zzzzzzzzzzzz",
     "unknown key; accepted here: series_max, payload_max, windows_max"},
    {kAll, "Limits: {series_max: 5} #!\n", "Limits", "did you mean \"limits\"?"},
    {Base::nothing,
     "sources: #!\n  - {name: a, mqtt: {url: 'tcp://h:1', topics: [{pattern: a}]}}\n", "node",
     "missing; expected a mapping with the keys name, run_dir"},
    {Base::node, "limits: {}\n", "sources", "missing; expected a list of 1 to 64 mappings"},
    {Base::node, "sources:\n  - name: a #!\n", "sources[0].mqtt", "missing; expected a mapping"},
    {Base::node, "sources:\n  - name: a\n    mqtt:\n      topics: [{pattern: a}] #!\n",
     "sources[0].mqtt.url", "missing; expected text"},
    {Base::node, "sources:\n  - name: a\n    mqtt:\n      url: tcp://h:1 #!\n",
     "sources[0].mqtt.topics", "expected a list of 1 to 256 mappings with the keys pattern, qos"},
    {kAll, "pipelines:\n  - stages: [] #!\n", "pipelines[0].name", "missing; expected a name"},

    // Types and forms.
    {kAll, "limits: 5 #!\n", "limits",
     "expected a mapping with the keys series_max, payload_max, windows_max"},
    {kAll, "limits: #!\n", "limits",
     "got nothing; write {} for the defaults of all keys in it, or leave it out"},
    {kAll, "pipelines: #!\n", "pipelines", "got nothing; leave the key out for its default"},
    {kAll, "pipelines: {name: p} #!\n", "pipelines", "expected a list of 0 to 256 mappings"},
    {kAll, "pipelines:\n  - p #!\n", "pipelines[0]",
     "expected a mapping with the keys name, match"},
    {kAll, "limits:\n  series_max: many #!\n", "limits.series_max",
     "expected a whole number between 1 and 1000000, got \"many\""},
    {kAll, "limits:\n  series_max: 010 #!\n", "limits.series_max",
     "got \"010\"; write it without leading zeros"},
    {kAll, "limits:\n  series_max: 1e3 #!\n", "limits.series_max", "expected a whole number"},
    {kAll, "limits:\n  series_max: 0x10 #!\n", "limits.series_max", "expected a whole number"},
    {kAll, "limits:\n  series_max: -1 #!\n", "limits.series_max", "expected a whole number"},
    {kAll, "limits:\n  series_max: 1_000 #!\n", "limits.series_max", "expected a whole number"},
    {kAll, "limits:\n  series_max: 10.0 #!\n", "limits.series_max", "expected a whole number"},
    {kAll, "limits:\n  series_max: 0 #!\n", "limits.series_max", "between 1 and 1000000"},
    {kAll, "limits:\n  series_max: 1000001 #!\n", "limits.series_max", "between 1 and 1000000"},
    {kAll, "limits:\n  series_max: 4294967297 #!\n", "limits.series_max", "between 1 and 1000000"},
    {kAll, "limits:\n  series_max: 99999999999999999999 #!\n", "limits.series_max",
     "between 1 and 1000000"},
    {kAll, "limits:\n  series_max: [5] #!\n", "limits.series_max", "got a list"},
    {kAll, "limits:\n  series_max: #!\n", "limits.series_max", "got nothing"},
    {kAll, "limits:\n  payload_max: 64KB #!\n", "limits.payload_max",
     "expected a size such as \"64KiB\", \"16MiB\" between 64 and 16MiB, got \"64KB\"; the units "
     "are KiB, MiB, GiB"},
    {kAll, "limits:\n  payload_max: 64 KiB #!\n", "limits.payload_max", "expected a size"},
    {kAll, "limits:\n  payload_max: 1.5MiB #!\n", "limits.payload_max", "expected a size"},
    {kAll, "limits:\n  payload_max: 17MiB #!\n", "limits.payload_max", "between 64 and 16MiB"},
    {kAll, "storage:\n  quota: 17179869184GiB #!\n", "storage.quota", "between 8MiB and 64GiB"},
    {kAll, "storage:\n  commit_interval: 250 #!\n", "storage.commit_interval",
     "got \"250\"; a duration needs its unit: ns, us, ms, s, m, h or d"},
    {kAll, "storage:\n  commit_interval: 1m30s #!\n", "storage.commit_interval",
     "expected a duration"},
    {kAll, "storage:\n  commit_interval: 0.5s #!\n", "storage.commit_interval",
     "expected a duration"},
    {kAll, "storage:\n  commit_interval: -5s #!\n", "storage.commit_interval",
     "expected a duration"},
    {kAll, "storage:\n  commit_interval: 4ms #!\n", "storage.commit_interval",
     "between 5ms and 1m, got \"4ms\""},
    {kAll, "storage:\n  commit_interval: 61s #!\n", "storage.commit_interval",
     "between 5ms and 1m"},
    {kAll, "storage:\n  commit_interval: 106752d #!\n", "storage.commit_interval",
     "between 5ms and 1m"},
    {kAll, "pipelines:\n  - name: p\n    windows:\n      - tumbling: abc #!\n",
     "pipelines[0].windows[0].tumbling",
     "expected a duration such as \"250ms\", \"5s\", \"1h\" between 1ms and 365d, got \"abc\""},
    {kAll, "uplink:\n  gzip: yes #!\n", "uplink.gzip", "expected true or false, got \"yes\""},
    {kAll, "uplink:\n  gzip: True #!\n", "uplink.gzip", "expected true or false"},
    {kAll, "log:\n  level: warning #!\n", "log.level",
     "expected one of debug, info, warn, error, got \"warning\""},
    {kAll, "log:\n  level: INFO #!\n", "log.level", "expected one of debug, info, warn, error"},
    {kAll, "log:\n  level: LEVEL_INFO #!\n", "log.level", "expected one of debug"},
    {kAll, "log:\n  format: unspecified #!\n", "log.format", "expected one of logfmt, json"},
    {kAll, "pipelines:\n  - name: a b #!\n", "pipelines[0].name",
     "expected a name of 1 to 64 letters, digits, \".\", \"_\" or \"-\", got \"a b\""},
    {kAll, "pipelines:\n  - name: '' #!\n", "pipelines[0].name", "must not be empty"},
    {kAll,
     "pipelines:\n  - name: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx #!\n",
     "pipelines[0].name", "expected a name of 1 to 64"},
    {kAll, "plugins:\n  dir: '' #!\n", "plugins.dir", "must not be empty"},
    {kAll, "plugins:\n  dir: \"a\\nb\" #!\n", "plugins.dir", "control characters"},
    {kAll,
     "pipelines:\n  - name: p\n    windows:\n"
     "      [{tumbling: 1s}, {tumbling: 2s}, {tumbling: 3s}, {tumbling: 4s}, {tumbling: 5s},"
     " {tumbling: 6s}, {tumbling: 7s}, {tumbling: 8s}, {tumbling: 9s}] #!\n",
     "pipelines[0].windows",
     "expected a list of 0 to 8 mappings with the keys tumbling, hopping, offset, "
     "allowed_lateness, expected_every, aggregates, sliding, session, count, time_zone, "
     "early_every, "
     "empty, got 9"},
    {kAll, "pipelines:\n  - name: p\n    windows:\n      - {} #!\n", "pipelines[0].windows[0]",
     "expected tumbling: DURATION, hopping: {size, every}, sliding: {size, every}, session: {gap} "
     "or "
     "count: NUMBER"},
    {kAll,
     "pipelines:\n  - name: p\n    windows:\n"
     "      - {tumbling: 1s, hopping: {size: 2s, every: 1s}} #!\n",
     "pipelines[0].windows[0]", "expected one kind of windows, got tumbling and hopping"},
    {kAll, "pipelines:\n  - name: p\n    windows:\n      - {session: {gap: 1m}, offset: 1s} #!\n",
     "pipelines[0].windows[0].offset",
     "expected only with tumbling and hopping, got it with session"},
    {kAll, "pipelines:\n  - name: p\n    windows:\n      - {count: 10, allowed_lateness: 1s} #!\n",
     "pipelines[0].windows[0].allowed_lateness",
     "expected only with tumbling, hopping, sliding and session, got it with count"},
    {kAll, "pipelines:\n  - name: p\n    windows:\n      - {count: 10, early_every: 1s} #!\n",
     "pipelines[0].windows[0].early_every",
     "expected only with tumbling, hopping and session, got it with count"},
    {kAll,
     "pipelines:\n  - name: p\n    key_by: {labels: [site]}\n    windows:\n"
     "      - {tumbling: 1m, aggregates: {counter: {}}} #!\n",
     "pipelines[0].windows[0].aggregates.counter",
     "expected a pipeline without key_by, got one in whose windows several series meet"},
    {kAll,
     "pipelines:\n  - name: p\n    key_by: {}\n    windows:\n"
     "      - {tumbling: 1m, aggregates: {states: {}}} #!\n",
     "pipelines[0].windows[0].aggregates.states",
     "expected a pipeline without key_by, got one in whose windows several series meet"},
    {kAll, "pipelines:\n  - name: p\n    windows:\n      - {count: 0} #!\n",
     "pipelines[0].windows[0].count", "expected a whole number between 1 and 1000000"},
    {kAll, "pipelines:\n  - name: p\n    windows:\n      - {count: 10}\n      - {count: 20} #!\n",
     "pipelines[0].windows[1]", "expected other windows than those before it in the list"},
    {kAll,
     "pipelines:\n  - name: p\n    windows:\n      - hopping: {size: 10m, every: 5m}\n"
     "      - {hopping: {size: 10m, every: 2m}, offset: 1m} #!\n",
     "pipelines[0].windows[1]", "expected other windows than those before it in the list"},
    {kAll,
     "pipelines:\n  - name: p\n    windows:\n      - tumbling: 1h\n"
     "      - {tumbling: 1h, time_zone: Europe/Berlin} #!\n",
     "pipelines[0].windows[1]",
     "expected another length than \"1h\", which the list has in another time zone: such windows "
     "may be the same; a pipeline of its own can have them"},
    {kAll, "pipelines:\n  - name: p\n    windows:\n      - sliding: {size: 1s, every: 2s} #!\n",
     "pipelines[0].windows[0].sliding.every",
     "expected at most size, \"1s\", got \"2s\"; readings in between would be in no window"},
    {kAll, "pipelines:\n  - name: p\n    windows:\n      - sliding: {every: 2s} #!\n",
     "pipelines[0].windows[0].sliding.size", "missing"},
    {kAll, "pipelines:\n  - name: p\n    windows:\n      - session: {} #!\n",
     "pipelines[0].windows[0].session.gap", "missing"},
    {kAll,
     "pipelines:\n  - name: p\n    windows:\n      - {tumbling: 1d, time_zone: ../passwd} #!\n",
     "pipelines[0].windows[0].time_zone",
     "expected a name such as Europe/Berlin or America/New_York, got \"../passwd\""},
    {kAll,
     "pipelines:\n  - name: p\n    windows:\n"
     "      - {hopping: {size: 2s, every: 1s}, time_zone: UTC} #!\n",
     "pipelines[0].windows[0].time_zone", "expected only with tumbling, got it with hopping"},
    {kAll, "pipelines:\n  - name: p\n    windows:\n      - {tumbling: 1m, early_every: 1m} #!\n",
     "pipelines[0].windows[0].early_every",
     "expected a duration below the length of a window, \"1m\", got \"1m\""},
    {kAll, "pipelines:\n  - name: p\n    windows:\n      - hopping: {size: 2s, every: 2s} #!\n",
     "pipelines[0].windows[0].hopping.every",
     "expected a duration below size, \"2s\", got \"2s\"; windows that do not overlap are "
     "tumbling"},
    {kAll, "pipelines:\n  - name: p\n    windows:\n      - hopping: {size: 1d, every: 1s} #!\n",
     "pipelines[0].windows[0].hopping.every",
     "expected at least a 1000th of size, \"1d\", because every reading is added to each window "
     "that holds it, got \"1s\""},
    {kAll, "pipelines:\n  - name: p\n    windows:\n      - hopping: {size: 2s} #!\n",
     "pipelines[0].windows[0].hopping.every", "missing"},
    {kAll, "pipelines:\n  - name: p\n    windows:\n      - {tumbling: 1m, offset: 1m} #!\n",
     "pipelines[0].windows[0].offset",
     "expected a duration below \"1m\", the time from one start to the next, got \"1m\""},
    {kAll,
     "pipelines:\n  - name: p\n    windows:\n      - {tumbling: 1s, allowed_lateness: 1d} #!\n",
     "pipelines[0].windows[0].allowed_lateness",
     "expected so little that at most 10000 windows of a series are kept: they start every \"1s\", "
     "got \"1d\""},
    {kAll,
     "pipelines:\n  - name: p\n    windows:\n      - tumbling: 1s\n"
     "      - {tumbling: 1s, allowed_lateness: 1m} #!\n",
     "pipelines[0].windows[1]", "expected other windows than those before it in the list"},
    {kAll, "pipelines:\n  - name: p\n    windows:\n      - {tumbling: 1s, expected_every: 2s} #!\n",
     "pipelines[0].windows[0].expected_every",
     "expected at most the length of a window, \"1s\", got \"2s\""},
    {kAll,
     "pipelines:\n  - name: p\n    windows:\n"
     "      - {tumbling: 1s, aggregates: {counter: {wrap_bits: 24}}} #!\n",
     "pipelines[0].windows[0].aggregates.counter.wrap_bits",
     "expected 0, 16, 32 or 64, got \"24\""},
    {kAll,
     "pipelines:\n  - name: p\n    windows:\n"
     "      - {tumbling: 1s, aggregates: {counter: {wrap_rate_max: 2.5}}} #!\n",
     "pipelines[0].windows[0].aggregates.counter.wrap_rate_max", "expected wrap_bits beside it"},
    {kAll,
     "pipelines:\n  - name: p\n    windows:\n"
     "      - {tumbling: 1s, aggregates: {histogram: {zero_threshold: -0.5}}} #!\n",
     "pipelines[0].windows[0].aggregates.histogram.zero_threshold",
     "expected a number such as 0.5 of at least 0, got \"-0.5\""},
    {kAll,
     "pipelines:\n  - name: p\n    windows:\n"
     "      - {tumbling: 1s, aggregates: {histogram: {zero_threshold: 0x1p3}}} #!\n",
     "pipelines[0].windows[0].aggregates.histogram.zero_threshold",
     "expected a number such as 0.5 of at least 0, got \"0x1p3\""},
    {kAll,
     "pipelines:\n  - name: p\n    windows:\n"
     "      - {tumbling: 1s, aggregates: {distinct: {precision: 17}}} #!\n",
     "pipelines[0].windows[0].aggregates.distinct.precision", "between 4 and 16"},
    {kAll,
     "pipelines:\n  - name: p\n    windows:\n"
     "      - {tumbling: 1s, aggregates: {median: {}}} #!\n",
     "pipelines[0].windows[0].aggregates.median",
     "accepted here: histogram, distinct, top, counter, states, plugins"},
    {kAll,
     "pipelines:\n  - name: p\n    windows:\n"
     "      - {tumbling: 1s, aggregates: {plugins: [{plugin: shape, isolation: process}]}} #!\n",
     "pipelines[0].windows[0].aggregates.plugins[0].isolation", "expected auto or none"},
    {kAll,
     "pipelines:\n  - name: p\n    windows:\n"
     "      - {tumbling: 1s, aggregates: {plugins: [{config: {}}]}} #!\n",
     "pipelines[0].windows[0].aggregates.plugins[0].plugin", ""},
    {kAll, "pipelines:\n  - name: p\n    match:\n      labels: [a] #!\n",
     "pipelines[0].match.labels", "expected a mapping of 0 to 32 names to text, got a list"},
    {kAll, "pipelines:\n  - name: p\n    match:\n      labels:\n        site: [a] #!\n",
     "pipelines[0].match.labels.site", "expected text, got a list"},
    {kAll, "pipelines:\n  - name: p\n    match:\n      measurements: [a, [b]] #!\n",
     "pipelines[0].match.measurements[1]", "expected text, got a list"},
    {kAll, "pipelines:\n  - name: p\n    match:\n      measurements: temperature #!\n",
     "pipelines[0].match.measurements", "expected a list of 0 to 256 texts"},
    {Base::node,
     "sources:\n  - name: a\n    mqtt:\n      url: tcp://h:1\n      topics:\n"
     "        - pattern: {site}/x #!\n",
     "", "not valid YAML"},
    {Base::node,
     "sources:\n  - name: a\n    mqtt:\n      url: tcp://h:1\n      topics:\n"
     "        - pattern: {site} #!\n",
     "sources[0].mqtt.topics[0].pattern", "text that begins with {, [ or # goes in quotes"},
    {Base::node,
     "sources:\n  - name: a\n    mqtt:\n      url: tcp://h:1\n      topics:\n"
     "        - pattern: #!\n",
     "sources[0].mqtt.topics[0].pattern", "text that begins with {, [ or # goes in quotes"},
    {Base::node,
     "sources:\n  - name: a\n    mqtt:\n      url: tcp://h:1\n"
     "      topics: [{pattern: a, qos: 2}] #!\n",
     "sources[0].mqtt.topics[0].qos", "expected a whole number between 0 and 1, got \"2\""},
    {Base::node,
     "sources:\n  - name: a\n    mqtt:\n      url: tcp://h:1\n      topics: [{pattern: a}]\n"
     "      version: 4 #!\n",
     "sources[0].mqtt.version", "expected one of 3.1.1, 5, got \"4\""},
    {Base::node,
     "sources:\n  - name: a\n    mqtt:\n      url: tcp://h:1\n      topics: [{pattern: a}]\n"
     "      retained: keep #!\n",
     "sources[0].mqtt.retained", "expected one of reject, accept, got \"keep\""},

    // Plugins' configs.
    {kAll, "pipelines:\n  - name: p\n    stages:\n      - {plugin: range, config: 5} #!\n",
     "pipelines[0].stages[0].config", "expected a mapping, got \"5\""},
    {kAll,
     "pipelines:\n  - name: p\n    stages:\n      - plugin: range\n        config:\n"
     "          min: 010 #!\n",
     "pipelines[0].stages[0].config.min", "without leading zeros"},
    {kAll,
     "pipelines:\n  - name: p\n    stages:\n      - plugin: range\n        config:\n"
     "          min: 1\n          sentinels: [1, .inf] #!\n",
     "pipelines[0].stages[0].config.sentinels[1]", "expected a finite number, got \".inf\""},
    {kAll,
     "pipelines:\n  - name: p\n    stages:\n      - plugin: range\n        config:\n"
     "          min: 1\n          min: 2 #!\n",
     "pipelines[0].stages[0].config.min", "written twice"},
    {kAll,
     "pipelines:\n  - name: p\n    stages:\n      - plugin: range\n        config:\n"
     "          min: ${MIN} #!\n",
     "pipelines[0].stages[0].config.min", "only in local keys"},

    // Variables.
    {kAll, "pipelines:\n  - name: ${HOME} #!\n", "pipelines[0].name",
     "is read from the environment only in local keys (node, storage, uplink, log, control)"},
    {kAll, "uplink:\n  hub: ${NOT_SET}:1 #!\n", "uplink.hub",
     "the environment variable NOT_SET is not set"},
    {kAll, "uplink:\n  hub: ${HUB:-x} #!\n", "uplink.hub", "expected ${NAME}"},
    {kAll, "uplink:\n  hub: ${HUB #!\n", "uplink.hub", "expected ${NAME}"},
    {kAll, "log:\n  level: ${LOUD} #!\n", "log.level",
     "expected one of debug, info, warn, error, got "
     "\"loud\""},
};

std::string text_of(const Mistake& mistake) {
  std::string text;
  if (mistake.base != Base::nothing) text += kNode;
  if (mistake.base == Base::node_and_sources) text += kSources;
  return text + mistake.text;
}

int marked_line(const std::string& text) {
  const auto marker = text.find("#!");
  if (marker == std::string::npos) return 1;
  return static_cast<int>(
      1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(marker), '\n'));
}

TEST(RefusedConfigs, EachMistakeIsRefusedOnceWithItsLineItsKeyAndWhatIsAccepted) {
  const Environment environment = {{"HUB", "hub:7443"}, {"LOUD", "loud"}, {"MIN", "5"}};
  for (const Mistake& mistake : kMistakes) {
    const std::string text = text_of(mistake);
    SCOPED_TRACE(text);
    const LoadResult result = load_config_text(text, "test.yaml", environment);
    ASSERT_EQ(result.errors.size(), 1u) << errors_of(result);
    const ConfigError& error = result.errors[0];
    EXPECT_EQ(error.file, "test.yaml");
    EXPECT_EQ(error.line, marked_line(text)) << error.to_string();
    EXPECT_GE(error.column, 1);
    EXPECT_EQ(error.key_path, mistake.key_path);
    EXPECT_TRUE(contains(error.message, mistake.says)) << error.to_string();
    EXPECT_FALSE(contains(error.message, "\n"));
  }
}

TEST(RefusedConfigs, TheTableCoversAtLeastSixtyMistakes) { EXPECT_GE(std::size(kMistakes), 60u); }

}  // namespace
}  // namespace sluice
