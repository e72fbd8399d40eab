#include <fstream>
#include <limits>
#include <sstream>

#include "unit/plugins/script_rig.h"

namespace sluice {
namespace {

using sdk::test::Answer;
using sdk::test::BadConfig;

std::string refusal_of(std::string_view script, const std::string& more = "") {
  try {
    ScriptBench bench(script, more);
    return "accepted";
  } catch (const BadConfig& e) {
    return e.what();
  }
}

TEST(Script, PassesAltersAndDrops) {
  const std::pair<const char*, const char*> kCases[] = {
      {"", "pass"},
      {"return r", "pass"},
      {"return r.value", "pass"},
      {"r.value = 1.0", "pass"},
      {"return 1", "altered"},  // an integer, where it was a float
      {"return r.value + 1", "altered"},
      {"return true", "altered"},
      {"r.value = 2 return r", "altered"},
      {"r.quality = 'uncertain'", "altered"},
      {"r.unit = 'K'", "altered"},
      {"r.unit = 'Cel'", "pass"},
      {"r.measurement = 'heat'", "altered"},
      {"return drop()", "drop:dropped"},
      {"drop('stuck')", "drop:stuck"},
      {"r.value = 0 / 0 drop('implausible')", "drop:implausible"},
  };
  for (const auto& [body, word] : kCases) EXPECT_EQ(ScriptBench(on_reading(body)).word(), word);

  ScriptBench bench(on_reading("r.value, r.quality, r.unit = r.value * 2, 'bad', 'K'"));
  const Answer answer = bench.run(bench.a, 1, 21.5);
  EXPECT_EQ(answer.rows.at(0).value(), 43);
  EXPECT_EQ(answer.rows.at(0).quality, SLUICE_QUALITY_BAD);
  EXPECT_EQ(bench.series_text(answer.rows.at(0).series), "temperature K");
}

TEST(Script, SeesAllThatIsKnownOfAReading) {
  ScriptBench bench(on_reading(
      "print(r.measurement, r.unit, r.labels.room, r.labels.none, r.quality, r.time, r.time_ns)\n"
      "print(r.value, math.type(r.value))"));
  auto in = bench.reading(bench.b, 1'700'000.25, 21.5);
  in.quality = SLUICE_QUALITY_UNCERTAIN;
  const auto log_of = [&](std::uint8_t kind, std::uint64_t bits) {
    in.kind = kind;
    in.bits = bits;
    EXPECT_EQ(bench.process({in}).words.at(0), "pass");
    return bench.last_log();
  };
  EXPECT_EQ(log_of(SLUICE_KIND_F64, std::bit_cast<std::uint64_t>(21.5)), "21.5 float");
  EXPECT_EQ(bench.log().at(0), "temperature Cel b nil uncertain 1700000.25 1700000250000000");
  EXPECT_EQ(log_of(SLUICE_KIND_I64, static_cast<std::uint64_t>(-3)), "-3 integer");
  EXPECT_EQ(log_of(SLUICE_KIND_U64, 7), "7 integer");
  EXPECT_EQ(log_of(SLUICE_KIND_U64, UINT64_MAX), "1.844674407371e+19 float");
  EXPECT_EQ(log_of(SLUICE_KIND_BOOLEAN, 1), "true nil");
}

TEST(Script, SeesWhetherTheTimeCountsFromTheBoot) {
  ScriptBench bench(on_reading("print(r.time, r.boot_time)"));
  EXPECT_EQ(bench.word(), "pass");
  EXPECT_EQ(bench.last_log(), "1700000001.0 false");
  sdk::Reading in = bench.reading(bench.a, 5, 1);
  in.source |= SLUICE_SOURCE_BOOT_TIME;
  EXPECT_EQ(bench.process({in}).words, Words{"pass"});
  EXPECT_EQ(bench.last_log(), "5.0 true");
}

TEST(Script, DerivesReadingsAndTellsEvents) {
  ScriptBench bench(on_reading(R"(
    emit("double", r.value * 2)
    emit("count", 3, "1")
    emit("hot", r.value > 20)
    event{name = "too_hot", message = "It is hot.", severity = "error", phase = "begin",
          attributes = {limit = 20, room = r.labels.room, known = true}}
    return drop("not_wanted"))"));
  const Answer answer = bench.run(bench.a, 5, 21.5);
  EXPECT_EQ(answer.words, Words{"drop:not_wanted"});
  ASSERT_EQ(answer.derived.size(), 3u);
  EXPECT_EQ(bench.series_text(answer.derived[0].series), "double Cel");
  EXPECT_EQ(bench.series_text(answer.derived[1].series), "count 1");
  EXPECT_EQ(answer.derived[0].value(), 43);
  EXPECT_EQ(answer.derived[0].event_time_ns, 5'000'000'000);
  EXPECT_EQ(answer.derived[1].kind, SLUICE_KIND_I64);
  EXPECT_EQ(answer.derived[2].kind, SLUICE_KIND_BOOLEAN);
  ASSERT_EQ(answer.events.size(), 1u);
  EXPECT_EQ(answer.events[0].name, "too_hot");
  EXPECT_EQ(answer.events[0].message, "It is hot.");
  EXPECT_EQ(answer.events[0].severity, SLUICE_SEVERITY_ERROR);
  EXPECT_EQ(answer.events[0].phase, SLUICE_PHASE_BEGIN);
  EXPECT_EQ(answer.events[0].attributes, (std::map<std::string, std::string>{
                                             {"known", "true"}, {"limit", "20"}, {"room", "a"}}));
}

TEST(Script, SeesItsParameters) {
  ScriptBench bench(on_reading("print(params.limit, params.factor, params.name, params.on)"),
                    R"("params":{"limit":80,"factor":0.5,"name":"x","on":true})");
  EXPECT_EQ(bench.word(), "pass");
  EXPECT_EQ(bench.last_log(), "80 0.5 x true");
}

TEST(Script, KeepsStateOfEachSeriesAndOfAll) {
  ScriptBench bench(on_reading(R"(
    r.state.count = (r.state.count or 0) + 1
    shared.count = (shared.count or 0) + 1
    return r.state.count * 100 + shared.count)"));
  EXPECT_EQ(bench.run(bench.a, 1, 0).values(), std::vector<double>{101});
  EXPECT_EQ(bench.run(bench.b, 2, 0).values(), std::vector<double>{102});
  bench.restart();
  EXPECT_EQ(bench.run(bench.a, 3, 0).values(), std::vector<double>{203});
  EXPECT_EQ(bench.run(bench.a, 4, 0).values(), std::vector<double>{304});
}

TEST(Script, ForgetsAStateThatIsNilOrEmpty) {
  for (const char* body :
       {"r.state = nil", "r.state = {}", "r.state.x = nil", "local s = r.state r.state = nil"}) {
    ScriptBench bench("function on_reading(r) if r.value == 1 then r.state.x = 1 else " +
                      std::string(body) + " end end");
    const std::string empty = bench.snapshot();
    EXPECT_EQ(bench.word(1), "pass");
    EXPECT_NE(bench.snapshot(), empty);
    EXPECT_EQ(bench.word(2), "pass") << bench.last_log();
    EXPECT_EQ(bench.snapshot(), empty) << body;
  }
}

TEST(Script, AStateThatWasForgottenIsEmptyAndNotWhatItWasBefore) {
  ScriptBench bench(on_reading(R"(
    if r.value == 0 then r.state = nil end
    r.state.count = (r.state.count or 0) + 1
    return r.state.count)"));
  EXPECT_EQ(bench.run(bench.a, 1, 5).values(), std::vector<double>{1});
  EXPECT_EQ(bench.run(bench.a, 2, 5).values(), std::vector<double>{2});
  EXPECT_EQ(bench.run(bench.a, 3, 0).values(), std::vector<double>{1});
  EXPECT_EQ(bench.run(bench.a, 4, 5).values(), std::vector<double>{2});
}

// Written with the first reading, and looked at with the second, after a restart.
TEST(Script, KeepsEveryBitOfAState) {
  ScriptBench bench(on_reading(R"(
    local s = r.state
    if r.value == 1 then
      s.integer, s.float, s.least, s.negative_zero = 1, 1.0, math.mininteger, -0.0
      s.nan, s.infinite, s.smallest, s.yes, s.no = 0/0, -math.huge, 5e-324, true, false
      s.bytes, s.empty, s[""] = "a\0b\xff", {}, "empty key"
      s.list = {10, "x", {20.5}}
      s.numbered = {[0] = "zero", [-7] = "minus", [3] = "three"}
      return
    end
    assert(math.type(s.integer) == "integer" and s.integer == 1)
    assert(math.type(s.float) == "float" and s.float == 1)
    assert(s.least == math.mininteger and 1 / s.negative_zero == -math.huge)
    assert(s.nan ~= s.nan and s.infinite == -math.huge and s.smallest == 5e-324)
    assert(s.yes == true and s.no == false)
    assert(s.bytes == "a\0b\xff" and #s.bytes == 4 and #s.empty == 0 and s[""] == "empty key")
    assert(#s.list == 3 and s.list[1] == 10 and s.list[2] == "x" and s.list[3][1] == 20.5)
    assert(s.numbered[0] == "zero" and s.numbered[-7] == "minus" and s.numbered[3] == "three"))"));
  ASSERT_EQ(bench.word(1), "pass") << bench.last_log();
  bench.restart();
  EXPECT_EQ(bench.word(2), "pass") << bench.last_log();
}

// Also without a restart: a table is in one state only, whoever else had it in that reading.
TEST(Script, KeepsCopiesOfTables) {
  ScriptBench bench(on_reading(R"(
    if r.value == 1 then
      local t = {n = 1}
      r.state.a, r.state.b, shared.c = t, t, t
    end
    r.state.a.n = r.state.a.n + 1
    return r.state.a.n * 100 + r.state.b.n * 10 + shared.c.n)"));
  EXPECT_EQ(bench.run(bench.a, 1, 1).values(), std::vector<double>{222});
  EXPECT_EQ(bench.run(bench.a, 2, 2).values(), std::vector<double>{322});
}

TEST(Script, CostsAFailedReadingAndNothingElse) {
  ScriptBench bench(R"(function on_reading(r)
  r.state.count = (r.state.count or 0) + 1
  shared.count = (shared.count or 0) + 1
  emit("count", r.state.count)
  event{name = "seen", message = "Seen."}
  print("at", r.value)
  local odd
  if r.value == 2 then return odd.field end
  return shared.count
end)");
  const Answer answer = bench.process(
      {bench.reading(bench.a, 1, 1), bench.reading(bench.a, 2, 2), bench.reading(bench.a, 3, 3)});
  EXPECT_EQ(answer.words, (Words{"altered", "drop:script_failed", "altered"}));
  EXPECT_EQ(answer.values(), (std::vector<double>{1, 2, 1, 2}));
  EXPECT_EQ(answer.events.size(), 2u);
  EXPECT_EQ(bench.log(), (Words{"at 1.0", "at 2.0",
                                "script:8: attempt to index a nil value (local 'odd') "
                                "(temperature, series 1, time 1970-01-01T00:00:02.000000000Z)",
                                "at 3.0"}));
}

TEST(Script, FlagsAFailedReadingInsteadWhenToldTo) {
  ScriptBench bench(on_reading("return {}"), R"("on_error":"flag")");
  const Answer answer = bench.run(bench.a, 1, 7);
  EXPECT_EQ(answer.words, Words{"altered"});
  EXPECT_EQ(answer.rows.at(0).value(), 7);
  EXPECT_EQ(answer.rows.at(0).quality, SLUICE_QUALITY_BAD);
}

TEST(Script, SaysWhatIsWrongWithTheScript) {
  EXPECT_EQ(refusal_of("x ="), "script:1: unexpected symbol near <eof>");
  EXPECT_EQ(refusal_of("\n\nfunction on_reading(r) if then end"),
            "script:3: unexpected symbol near 'then'");
  EXPECT_EQ(refusal_of("-- nothing"), "script: it defines no function on_reading(r)");
  EXPECT_EQ(refusal_of("on_reading = 3"), "script: it defines no function on_reading(r)");
  EXPECT_EQ(refusal_of("\nlocal x = nil + 1"),
            "script:2: attempt to perform arithmetic on a nil value");
  EXPECT_EQ(refusal_of("error{}"), "script:1: an error that is a table, not a text");
  EXPECT_EQ(refusal_of("while true do end"),
            "script:1: more than 50000 instructions for one reading (instructions_max)");
  EXPECT_EQ(refusal_of("\nlocal t = {} while true do t[#t + 1] = {} end",
                       R"("instructions_max":10000000)"),
            "script:2: more than 1048576 bytes of memory (memory_max)");
  EXPECT_EQ(refusal_of("emit('x', 1)"), "script:1: this is for functions: there is no reading yet");
  EXPECT_EQ(refusal_of("shared = {} " + on_reading("")),
            "script: it defines 'shared', which is there of itself in on_reading");
  EXPECT_TRUE(refusal_of("\x1bLua").starts_with("script:0: attempt to load a binary chunk"))
      << refusal_of("\x1bLua");
}

TEST(Script, SaysWhatIsWrongWithAReading) {
  const std::pair<const char*, const char*> kCases[] = {
      {"return {}",
       "1: on_reading returned a table; it has to be nothing, r, a number or a boolean"},
      {"return 'x'", "1: on_reading returned a string; it has to be"},
      {"return 0 / 0", "1: r.value is not finite: "},
      {"r.value = nil", "1: r.value is a nil; it has to be a number or a boolean"},
      {"r.quality = 'fine'", "1: r.quality has to be one of good, uncertain, bad"},
      {"r.vlaue = 2", "2: a field of r that can be set has to be one of value, quality, unit"},
      {"return r.vlaue",
       "2: a field of r has to be one of measurement, unit, labels, state, boot_time, value"},
      {"r.time = 3", "1: r.time and r.time_ns cannot be set"},
      {"r.unit = ('x'):rep(65)", "1: r.unit has to be 0 to 64 bytes of UTF-8"},
      {"return vlaue", "2: there is no global 'vlaue'"},
      {"drop('why not')", "2: drop: the rule has to be one of dropped, out_of_range, implausible"},
      {"drop('script_failed')", "2: drop: the rule has to be one of dropped"},
      {"emit('', 1)", "2: emit: the measurement has to be 1 to 128 bytes of UTF-8"},
      {"emit('x\\xff', 1)", "2: emit: the measurement has to be 1 to 128 bytes of UTF-8"},
      {"emit('x\\0', 1)", "2: emit: the measurement has to be 1 to 128 bytes of UTF-8"},
      {"emit('x')", "2: emit: the value is a no value; it has to be a number or a boolean"},
      {"event{name = 'x'}", "2: event: message is a nil; it has to be a string"},
      {"event{name = 'X', message = 'y'}", "2: event: name has to be a name of a-z, 0-9 and _"},
      {"event{name = 'x', mesage = 'y'}",
       "2: event: each key has to be one of attributes, message"},
      {"event{name = 'x', message = 'y', severity = 3}",
       "2: event: severity has to be one of info"},
      {"event{name = 'x', message = 'y', attributes = {a = {}}}",
       "2: event: attribute a is a table"},
      {"for i = 1, 21 do print(i) end", "2: print: at most 20 lines a reading"},
      {"print(('x'):rep(9000), ('x'):rep(9000))", "2: print: a line of more than 16384 bytes"},
      {"error('own words')", "2: own words"},
      {"table.sort({1, {}})", "2: attempt to compare"},
      {"r.state = 3", "1: r.state is a number; it has to be a table"},
      {"r.state.f = print", "1: r.state.f: a function cannot be kept"},
      {"r.state.list = {1, {x = r}}", "1: r.state.list.2.x: only tables made in on_reading can be"},
      {"shared[1.5] = 1",
       "1: shared: a key that is neither a string nor an integer cannot be kept"},
      {"r.state.own = r.state", "more than 16 tables within each other"},
      {"for i = 1, 1000 do shared[i] = i end", "1: shared.456: more than 4096 bytes (state_max)"},
      {"shared.x = ('x'):rep(4096)",
       "1: shared: 4112 bytes, and at most 4096 are kept (state_max)"},
  };
  for (const auto& [body, text] : kCases) {
    ScriptBench bench(on_reading(body));
    EXPECT_EQ(bench.word(), "drop:script_failed") << body;
    const std::string log = bench.last_log();
    EXPECT_TRUE(log.starts_with("script:") && log.find(text) != std::string::npos) << log;
  }
}

TEST(Script, IsOrderedUnlessToldOtherwise) {
  EXPECT_TRUE(ScriptBench(on_reading("")).ordered());
  EXPECT_FALSE(ScriptBench(on_reading(""), R"("ordered":false)").ordered());
}

TEST(Script, TellsTheReadingThatIsTooMuchForOneCall) {
  ScriptBench bench(on_reading("for i = 1, 300 do event{name = 'x', message = 'y'} end"));
  std::vector<sdk::Reading> rows;
  for (int i = 1; i <= 5; ++i) rows.push_back(bench.reading(bench.a, i, i));
  const Answer answer = bench.process(rows);
  EXPECT_EQ(answer.words,
            (Words{"pass", "pass", "pass", "drop:script_failed", "drop:script_failed"}));
  EXPECT_EQ(answer.events.size(), 900u);
  EXPECT_TRUE(bench.last_log().starts_with("script:2: event: no call tells more than 1024 events"));
}

TEST(Script, LogsWhateverBytesAsText) {
  ScriptBench bench(
      on_reading("print('m\\u{b3}', 'a\\nb') print('x\\xff\\0y') error('z\\xff\\n')"));
  EXPECT_EQ(bench.word(), "drop:script_failed");
  EXPECT_EQ(bench.log().at(0), "m\u00b3 a?b");
  EXPECT_EQ(bench.log().at(1), "x??y");
  EXPECT_TRUE(bench.last_log().starts_with("script:2: z?? (temperature"));
}

TEST(Script, KeepsNoMoreStatesThanASnapshotHolds) {
  ScriptBench bench(on_reading("for i = 1, 4 do r.state[i] = ('x'):rep(16000) end"),
                    R"("state_max":65536)");
  std::size_t kept = 0;
  for (int i = 0; i < 1100; ++i) {
    const auto series = bench.series("m" + std::to_string(i));
    kept += bench.run(series, i, 1).words.at(0) == "pass" ? 1 : 0;
  }
  EXPECT_EQ(kept, SLUICE_SNAPSHOT_BYTES_MAX / 64'049);
  EXPECT_NE(bench.last_log().find("all states together would be more than"), std::string::npos);
  EXPECT_LT(bench.snapshot().size(), SLUICE_SNAPSHOT_BYTES_MAX);
}

// --- the examples of the README, as they are printed there ---

std::string example(const std::string& heading) {
  std::ifstream file(SCRIPT_README);
  std::stringstream text;
  text << file.rdbuf();
  const std::string all = text.str();
  const std::size_t section = all.find("### " + heading + "\n");
  const std::size_t start = all.find("```lua\n", section);
  const std::size_t end = all.find("```\n", start + 7);
  if (section == std::string::npos || end == std::string::npos) return "no example " + heading;
  return all.substr(start + 7, end - start - 7);
}

TEST(ScriptReadme, ConvertsAndRefusesTheImplausible) {
  ScriptBench bench(example("Convert, and drop what cannot be"),
                    R"("params":{"min":-40,"max":85})");
  const Answer answer =
      bench.process({bench.reading(bench.a, 1, 68), bench.reading(bench.a, 2, 500)});
  EXPECT_EQ(answer.words, (Words{"altered", "drop:implausible"})) << bench.last_log();
  EXPECT_NEAR(answer.values().at(0), 20, 1e-12);
  EXPECT_EQ(bench.series_text(answer.rows.at(0).series), "temperature Cel");
}

TEST(ScriptReadme, DerivesPowerFromTwoSeries) {
  ScriptBench bench(example("Derive from two series"));
  const auto volts = bench.series("voltage", "V", {{"machine", "m1"}});
  const auto amps = bench.series("current", "A", {{"machine", "m1"}});
  const auto other = bench.series("current", "A", {{"machine", "m2"}});
  EXPECT_TRUE(bench.run(volts, 1, 230).derived.empty());
  EXPECT_TRUE(bench.run(other, 2, 9).derived.empty());
  bench.restart();
  const Answer answer = bench.run(amps, 3, 2);
  ASSERT_EQ(answer.derived.size(), 1u) << bench.last_log();
  EXPECT_EQ(answer.derived[0].value(), 460);
  EXPECT_EQ(bench.series_text(answer.derived[0].series), "power W");
}

TEST(ScriptReadme, TellsWhenASensorIsStuckAndWhenItMovesAgain) {
  ScriptBench bench(example("Tell when a sensor is stuck"), R"("params":{"stuck_s":60})");
  for (const int second : {0, 30}) EXPECT_TRUE(bench.run(bench.a, second, 5).events.empty());
  const Answer begins = bench.run(bench.a, 60, 5);
  ASSERT_EQ(begins.events.size(), 1u) << bench.last_log();
  EXPECT_EQ(begins.events[0].phase, SLUICE_PHASE_BEGIN);
  EXPECT_TRUE(bench.run(bench.a, 90, 5).events.empty());
  bench.restart();
  const Answer ends = bench.run(bench.a, 100, 6);
  ASSERT_EQ(ends.events.size(), 1u);
  EXPECT_EQ(ends.events[0].phase, SLUICE_PHASE_END);
}

TEST(ScriptReadme, SmoothsByTheMedianOfFive) {
  ScriptBench bench(example("Smooth with a running median"));
  std::vector<double> out;
  for (const double v : {1.0, 9.0, 2.0, 100.0, 3.0, 4.0}) {
    out.push_back(bench.run(bench.a, ++bench.now, v).values().at(0));
    bench.restart();
  }
  EXPECT_EQ(out, (std::vector<double>{1, 1, 2, 2, 3, 4})) << bench.last_log();
}

}  // namespace
}  // namespace sluice
