#include <algorithm>
#include <chrono>
#include <random>

#include "base/clock.h"
#include "unit/plugins/script_rig.h"

// What a script cannot do: reach out, go on for ever, keep what no snapshot has, answer otherwise
// in another process.

namespace sluice {
namespace {

TEST(ScriptSandbox, LacksAllThatReachesOutOrHidesErrors) {
  for (const char* name : {"io",
                           "os",
                           "package",
                           "require",
                           "load",
                           "loadstring",
                           "loadfile",
                           "dofile",
                           "debug",
                           "coroutine",
                           "collectgarbage",
                           "setmetatable",
                           "getmetatable",
                           "rawget",
                           "rawset",
                           "rawequal",
                           "rawlen",
                           "pcall",
                           "xpcall",
                           "next",
                           "warn",
                           "utf8",
                           "_G",
                           "_VERSION"}) {
    ScriptBench bench(on_reading(std::string("return ") + name));
    EXPECT_EQ(bench.word(), "drop:script_failed") << name;
    EXPECT_NE(bench.last_log().find("there is no global '" + std::string(name) + "'"),
              std::string::npos)
        << bench.last_log();
  }
  for (const char* name : {"string.dump", "string.match", "string.gmatch", "string.gsub",
                           "string.pack", "string.unpack", "math.random", "math.randomseed"}) {
    ScriptBench bench(on_reading(std::string("return ") + name + " == nil"));
    EXPECT_EQ(bench.run(bench.a, 1, 0).rows.at(0).bits, 1u) << name;
  }
}

TEST(ScriptSandbox, EndsWhateverHasNoEnd) {
  const char* const kEndless[] = {
      "while true do end",
      "::again:: goto again",
      "local function f() return f() end f()",
      "local function f() return 1 + f() end f()",
      "local s = 'x' while true do s = s .. s end",
      "local s = '' while true do s = s .. 'x' end",
      "local t = {} while true do t[#t + 1] = {} end",
      "local t = {} while true do t = {t} end",
      "while true do pairs(params) end",
      "for i = 1, math.huge do emit('x', i) end",
      "while true do local x = ('x'):rep(16000) end",
      "while true do local x = ('x'):rep(16000):upper():reverse():lower() end",
      "return (''):rep(1 << 62)",
      "return ('x'):rep(1 << 40)",
      "return ('x'):rep(100, ('y'):rep(10000))",
      "return table.concat({}, 'x', 1, 1 << 62)",
      "local t = {} for i = 1, 300 do t[i] = ('x'):rep(16000) end return table.concat(t)",
      "return table.unpack({}, 1, 1 << 30)",
      "return table.unpack({}, math.mininteger, math.maxinteger)",
      "table.move({}, 1, 1 << 62, 2)",
      "table.move({}, math.mininteger, math.maxinteger, 2)",
      "local t = {} for i = 1, 5000 do t[i] = i end while true do table.insert(t, 1, 0) end",
      "local t = {} for i = 1, 5000 do t[i] = -i end table.sort(t)",
      "local t = {} for i = 1, 5000 do t[i] = i end for i = 1, 99 do for k in pairs(t) do end end",
      "local a, b = ('x'):rep(16000), ('x'):rep(15999) .. 'y' while a ~= b and a < b do end",
      "while true do string.format('%s%s', ('x'):rep(8000), 1) end",
      "while true do string.find(('a'):rep(16000), ('a'):rep(8000) .. 'b', 1, true) end",
      "local function f(...) return f(0, ...) end f()",
      "error(setmetatable)",
  };
  for (const char* body : kEndless) {
    ScriptBench bench("function on_reading(r) if r.value == 2 then return end\n" +
                      std::string(body) + " end");
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(bench.word(1), "drop:script_failed") << body;
    // Some milliseconds, if nobody else needs the processor.
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10)) << body;
    EXPECT_TRUE(bench.last_log().starts_with("script:2: ")) << body << ": " << bench.last_log();
    EXPECT_EQ(bench.word(2), "pass") << body;
  }
}

// Each does a hundred times what is one instruction for Lua, and looks at thousands of things.
TEST(ScriptSandbox, CountsWhatOneInstructionLooksAt) {
  const std::string number = "local s = '0x' .. ('f'):rep(16000) ";
  std::string ones;
  for (int i = 0; i < 40; ++i) ones += "1, ";
  // 4,000 arguments, for about as many instructions.
  const std::string many = R"(
    local function with_many(f, left, ...)
      if left == 0 then for i = 1, 100 do f(...) end return end
      return with_many(f, left - 1, )" +
                           ones + "...) end ";
  const std::string list = "local t = {} for i = 2, 5000 do t[i] = '' end ";
  const std::string kCases[] = {
      number + "for i = 1, 100 do local x = s + 1 end",
      number + "for i = 1, 100 do local x = 1 - s end",
      number + "for i = 1, 100 do local x = s * s end",
      number + "for i = 1, 100 do local x = s / 2 end",
      number + "for i = 1, 100 do local x = s // 2 end",
      number + "for i = 1, 100 do local x = s % 7 end",
      number + "for i = 1, 100 do local x = s ^ 2 end",
      number + "for i = 1, 100 do local x = -s end",
      number + "for i = 1, 100 do math.abs(s) end",
      number + "for i = 1, 100 do math.fmod(3, s) end",
      number + "for i = 1, 100 do select(s, 1) end",
      number + "for i = 1, 100 do ('x'):rep(s) end",
      many + "with_many(math.max, 100)",
      many + "with_many(math.min, 100)",
      many + "with_many(table.pack, 100)",
      many + "with_many(string.char, 100)",
      many + "with_many(function(...) select('#', ...) end, 100)",
      list + "for i = 1, 100 do table.concat(t, '', 2, 5000) end",
  };
  for (const std::string& body : kCases) {
    ScriptBench bench(on_reading(body), R"("memory_max":4194304)");
    EXPECT_EQ(bench.word(), "drop:script_failed") << body;
    EXPECT_NE(bench.last_log().find("more than 50000 instructions"), std::string::npos)
        << body << ": " << bench.last_log();
  }
}

// A pattern of Lua's with a few "-" takes hours on a subject like this, within one instruction.
TEST(ScriptSandbox, FindsPlainTextAndNoPatterns) {
  ScriptBench bench(
      on_reading("print(('a.b.c'):find('.', 2, true)) print(('abc'):find('bc'))\n"
                 "print(('abc'):find('x'), ('abc'):find('', 10), ('abc'):find('c', -1))"));
  EXPECT_EQ(bench.word(), "pass") << bench.last_log();
  EXPECT_EQ(bench.log(), (Words{"2 2", "2 3", "nil nil 3 3"}));
  ScriptBench pattern(on_reading("return (('a'):rep(5000)):find('.-.-.-.-.-.-.-b')"));
  EXPECT_EQ(pattern.word(), "drop:script_failed");
  EXPECT_NE(pattern.last_log().find("find: there are no patterns"), std::string::npos);
}

// Each would count readings where no snapshot sees it.
TEST(ScriptSandbox, KeepsNothingOutsideItsState) {
  const std::pair<const char*, const char*> kWays[] = {
      {"", "n = 1"},
      {"n = 0", "n = n + 1"},
      {"", "function other() end"},
      {"local n = 0", "n = n + 1"},
      {"local n", "n = 1"},
      {"local n = 1", "n = 1.0"},
      {"local n = 0.0", "n = -n"},
      {"local n = 0/0", "n = 1"},
      {"local f = print", "f = emit"},
      {"local t = {}", "t = {}"},
      {"local t = {}", "t.n = 1"},
      {"local t = {n = 1}", "t.n = 2"},
      {"local t = {n = 1}", "t.n = nil"},
      {"local t = {1}", "table.insert(t, 2)"},
      {"local t = {1}", "table.remove(t)"},
      {"local t = {2, 1}", "table.sort(t)"},
      {"local t = {a = {b = {}}}", "t.a.b.n = 1"},
      {"local t = {[{}] = 1}", "for i = 1, 9 do t[i] = 1 end"},
      {"local function counter() local n = 0 return function() n = n + 1 return n end end\n"
       "local next_number = counter()",
       "next_number()"},
      {"local function counter() local n = 0 return {get = function() n = n + 1 end} end\n"
       "local c = {counter()}",
       "c[1].get()"},
      {"local keys = pairs({1, 2, 3, 4})", "keys()"},
      {"local kept", "kept = r"},
      {"local kept = {}", "kept[1] = r"},
      {"local n = 0", "local function inner() n = n + 1 end inner()"},
      {"", "_ENV = {}"},
      {"", "params.n = 1"},
      {"", "math.n = 1"},
      {"", "string.upper = nil"},
      {"", "r.labels.n = 1"},
      {"", "shared = {}"},
      {"t = {}", "r.state.t = t"},
  };
  for (const auto& [file, body] : kWays) {
    ScriptBench bench(std::string(file) + " function on_reading(r) " + body + " end");
    const std::string before = bench.snapshot();
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(bench.word(), "drop:script_failed") << file << " | " << body;
    }
    EXPECT_EQ(bench.snapshot(), before);
  }
}

TEST(ScriptSandbox, LetsTablesOfTheFileBeReadAsEver) {
  ScriptBench bench(R"(local limits = {room = {a = 10, b = 20}, list = {3, 1, 2}}
local function limit(room) return limits.room[room] end
function on_reading(r)
  local copy = table.move(limits.list, 1, #limits.list, 1, {})
  table.sort(copy)
  local names = ""
  for name, value in pairs(limits.room) do names = names .. name .. value end
  local sum = 0
  for _, value in ipairs(limits.list) do sum = sum + value end
  print(limit("a"), #limits.list, table.concat(copy, ","), names, sum, table.unpack(limits.list))
end)");
  EXPECT_EQ(bench.word(), "pass") << bench.last_log();
  EXPECT_EQ(bench.last_log(), "10 3 1,2,3 a10b20 6 3 1 2");
}

TEST(ScriptSandbox, GoesThroughTablesInOneOrder) {
  ScriptBench bench(on_reading(R"(
    local t = {[3] = 1, [-1] = 1, [0.5] = 1, [true] = 1, [false] = 1}
    for i = 1, 200 do t["k" .. i] = i end
    local out = ""
    for k in pairs(t) do
      if type(k) ~= "string" then out = out .. tostring(k) .. " " end
      t[k] = nil
    end
    local words = {}
    for i = 1, 200 do t["k" .. i] = i end
    for k in pairs(t) do words[#words + 1] = k end
    for i = 2, #words do assert(words[i - 1] < words[i]) end
    print(out, #words))"));
  EXPECT_EQ(bench.word(), "pass") << bench.last_log();
  EXPECT_EQ(bench.last_log(), "-1 3 0.5 false true  200");
  ScriptBench odd(on_reading("for k in pairs({[{}] = 1}) do end"));
  EXPECT_EQ(odd.word(), "drop:script_failed");
  EXPECT_NE(odd.last_log().find("pairs: a key that is a table has no order"), std::string::npos);
}

TEST(ScriptSandbox, ShowsNoAddress) {
  ScriptBench bench(
      on_reading("print({}, print, r) print(tostring({}), tostring(drop))\n"
                 "print(string.format('%5.1f|%s|%%p|%d', 2.25, true, 3))"));
  EXPECT_EQ(bench.word(), "pass") << bench.last_log();
  EXPECT_EQ(bench.log(), (Words{"table function table", "table function", "  2.2|true|%p|3"}));
  for (const char* body : {"string.format('%s', {})", "string.format('%p', {})",
                           "string.format('%-20p', 'x')", "return '' .. {}"}) {
    EXPECT_EQ(ScriptBench(on_reading(body)).word(), "drop:script_failed") << body;
  }
}

TEST(ScriptSandbox, SortsLikeAStableSort) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 20; ++round) {
    std::vector<std::pair<int, int>> pairs;
    std::string list = "local t = {";
    for (unsigned i = random() % 60; i > 0; --i) {
      pairs.emplace_back(static_cast<int>(random() % 9), static_cast<int>(random() % 9));
      list += "{" + std::to_string(pairs.back().first) + "," + std::to_string(pairs.back().second) +
              "},";
    }
    ScriptBench bench(on_reading(list + R"(}
      table.sort(t, function(a, b) return a[1] < b[1] end)
      local out = ""
      for _, p in ipairs(t) do out = out .. p[1] .. p[2] end
      print(out))"));
    ASSERT_EQ(bench.word(), "pass") << bench.last_log();
    std::stable_sort(pairs.begin(), pairs.end(),
                     [](const auto& x, const auto& y) { return x.first < y.first; });
    std::string expected;
    for (const auto& p : pairs) expected += std::to_string(p.first) + std::to_string(p.second);
    EXPECT_EQ(bench.last_log(), expected);
  }
}

// Half of the memory is in use each time, and what the readings before have left is garbage.
TEST(ScriptSandbox, DoesNotRunOutOfMemoryByGarbage) {
  ScriptBench bench(on_reading("local t = {} for i = 1, r.value do t[i] = {i} end"),
                    R"("instructions_max":10000000,"memory_max":1000000)");
  for (int i = 0; i < 100; ++i) ASSERT_EQ(bench.word(5'000), "pass") << bench.last_log();
  for (int i = 0; i < 10; ++i) {
    ASSERT_EQ(bench.word(20'000), "drop:script_failed");
    ASSERT_EQ(bench.word(5'000), "pass") << bench.last_log();
  }
}

// How large Lua's stack is depends on what it has been before.
TEST(ScriptSandbox, RunsOutOfMemoryAlikeInAnOldAndANewState) {
  const std::string script = on_reading(R"(
    local function deep(n) if n == 0 then return 0 end return 1 + deep(n - 1) end
    return deep(r.value))");
  const std::string more = R"("memory_max":200000)";
  ScriptBench old(script, more);
  for (int i = 0; i < 50; ++i) old.word(100 + i * 7 % 300);
  int failed = 0;
  for (int depth = 500; depth < 2500; depth += 7) {
    ScriptBench fresh(script, more);
    const std::string word = old.word(depth);
    ASSERT_EQ(word, fresh.word(depth)) << depth;
    failed += word == "drop:script_failed" ? 1 : 0;
  }
  EXPECT_GT(failed, 5) << "the limit was not met";
  EXPECT_LT(failed, 280) << "the limit was met each time";
}

// One instance lives on, the other is a new one for each reading.
TEST(ScriptSandbox, CountsInstructionsAlikeInAnOldAndANewState) {
  const std::string script = on_reading(R"(
    local t = {}
    for i = 1, r.value do t[i % 50 .. "x"] = ("y"):rep(i % 300) end
    for k, v in pairs(t) do shared[k:sub(1, 1)] = #v end)");
  ScriptBench old(script, R"("instructions_max":10000)");
  ScriptBench fresh(script, R"("instructions_max":10000)");
  int failed = 0;
  for (int i = 300; i < 1500; i += 9) {
    const std::string word = old.word(i);
    ASSERT_EQ(word, fresh.word(i)) << i;
    fresh.restart();
    failed += word == "drop:script_failed" ? 1 : 0;
  }
  EXPECT_GT(failed, 5) << "the limit was not met";
  EXPECT_LT(failed, 130) << "the limit was met each time";
}

// In a process of its own, behind the sandbox: another seed of Lua's hashes, other addresses. Every
// tenth reading fails, and is served by a new Lua state from then on.
TEST_F(Rig, ScriptSaysTheSameInAProcessOfItsOwn) {
  const std::string config = script_config(on_reading(R"(
    r.state.count = (r.state.count or 0) + 1
    for i = 1, 5 do shared["k" .. (r.state.count * i) % 23] = r.value end
    local sum = 0
    for k, v in pairs(shared) do sum = sum * 1.1 + v end
    emit("sum", sum)
    event{name = "seen", message = string.format("%.3f of %s", sum, r.labels.room)}
    if r.state.count % 10 == 0 then local t = {} while true do t[#t + 1] = {} end end
    if r.value > 30 then return drop("out_of_range") end
    return r.value + #tostring(sum))"));
  const SystemClock clock;
  IsolationOptions isolation;
  isolation.program = PLUGIN_HOST_PROGRAM;
  isolation.limits.deadline = std::chrono::seconds(30);
  StageOptions options{PLUGIN_DIR, "script", "", config, "room", "stages[0]", table_};
  options.isolation = &isolation;
  options.clock = &clock;
  auto isolated = make_stage(options);
  ASSERT_TRUE(isolated.ok()) << isolated.status().to_string();
  const auto local = make("script", config);
  for (int b = 0; b < 30; ++b) {
    const ReadingBatch in =
        batch({at(b, b), at(b + 0.2, 40 - b), at(b + 0.4, b % 7, Quality::uncertain)});
    const StageOutput here = run(*local, in);
    const StageOutput there = run(**isolated, in);
    ASSERT_EQ(here.verdicts, there.verdicts) << b;
    ASSERT_EQ(here.altered, there.altered) << b;
    ASSERT_EQ(here.derived, there.derived) << b;
    ASSERT_EQ(here.events, there.events) << b;
  }
  EXPECT_EQ(*local->snapshot(), *(*isolated)->snapshot());
}

}  // namespace
}  // namespace sluice
