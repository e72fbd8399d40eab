#include "plugin_host/aggregate_library.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "base/log.h"
#include "base/utf8.h"
#include "sluice_plugin.h"
#include "unit/control/temp_dir.h"

namespace sluice {
namespace {

using Type = std::shared_ptr<const AggregateType>;

Result<Type> try_open(const std::string& plugin, const std::string& config,
                      const std::string& dir = BAD_PLUGIN_DIR) {
  return open_aggregate(dir, plugin, config, "windows[0]");
}

Type open(const std::string& plugin, const std::string& config = "") {
  auto type = try_open(plugin, config);
  if (!type.ok()) {
    ADD_FAILURE() << type.status().to_string();
    std::abort();
  }
  return *std::move(type);
}

Type liar(const std::string& lie) { return open("liar_aggregate", "{\"lie\":\"" + lie + "\"}"); }

PluginAggregate of(const Type& type, const std::vector<double>& values) {
  PluginAggregate aggregate(type);
  for (const double v : values) aggregate.add(1'000'000'000, v);
  return aggregate;
}

TEST(AggregateLibrary, FoldsMergesSavesAndRestoresWithThePluginsCode) {
  const Type type = open("thrower_aggregate");
  EXPECT_EQ(type->key(), (PluginAggregateKey{"thrower_aggregate", R"({"at":""})"}));
  EXPECT_EQ(type->identity().version, "1");
  EXPECT_EQ(type->identity().result_names, (std::vector<std::string>{"count", "last_s"}));
  PluginAggregate all = of(type, {1, 2});
  ASSERT_TRUE(all.merge(of(type, {3})).ok());
  EXPECT_EQ(all.results(), (std::vector<double>{3, 1}));
  all.move_by(2'000'000'000);
  EXPECT_EQ(all.results(), (std::vector<double>{3, 3}));
  PluginAggregate sent(std::make_shared<const PluginAggregateIdentity>(all.identity()), all.saved(),
                       all.results());
  ASSERT_TRUE(sent.open_with(open("thrower_aggregate")));
  ASSERT_TRUE(sent.merge(all).ok()) << "of another load of the plugin";
  EXPECT_EQ(sent.results(), (std::vector<double>{6, 3}));
  EXPECT_TRUE(std::isnan(of(type, {}).results()[1]));
  EXPECT_EQ(type->failures(), 0u);
}

TEST(AggregateLibrary, SaysWhatIsWrongAndWhere) {
  const std::tuple<const char*, std::string, StatusCode, std::string> kCases[] = {
      {"plain_c", "{}", StatusCode::failed_precondition,
       "supplies no aggregate (sluice.aggregate/1)"},
      {"wrong_abi", "{}", StatusCode::failed_precondition, "built for plugin ABI 2"},
      {"lair", "{}", StatusCode::not_found, "no plugin \"lair\""},
      {"../plain_c", "{}", StatusCode::invalid_argument, "plugin name"},
      {"liar_aggregate", R"({"lei":1})", StatusCode::invalid_argument, "config.lei: no such key"},
      {"liar_aggregate", R"({"lie":1})", StatusCode::invalid_argument,
       "config.lie: expected a string"},
      {"liar_aggregate", R"({"lie":"config"})", StatusCode::invalid_argument,
       "config: lie: no such lie"},
      {"liar_aggregate", "{\"x\":\"" + std::string(1100, 'x') + "\"}", StatusCode::invalid_argument,
       "config: expected at most 1024 bytes with all defaults, got 1117"},
      {"liar_aggregate", R"({"lie":"open"})", StatusCode::internal,
       "open threw across the C border: thrown in open"},
      {"liar_aggregate", R"({"lie":"failed_open"})", StatusCode::internal, "(SLUICE_FAILED)"},
      {"liar_aggregate", R"({"lie":"sizes"})", StatusCode::internal, "sizes threw"},
      {"liar_aggregate", R"({"lie":"no_state"})", StatusCode::internal, "state_bytes is 0"},
      {"liar_aggregate", R"({"lie":"huge_state"})", StatusCode::internal, "state_bytes is 65537"},
      {"liar_aggregate", R"({"lie":"no_saved"})", StatusCode::internal, "saved_bytes_max is 0"},
      {"liar_aggregate", R"({"lie":"huge_saved"})", StatusCode::internal,
       "saved_bytes_max is 65537, expected 1..65536"},
      {"thrower_aggregate", R"({"at":"config"})", StatusCode::invalid_argument, "no such place"},
      {"thrower_aggregate", R"({"at":"open"})", StatusCode::internal, "thrown in open"}};
  for (const auto& [plugin, config, code, expected] : kCases) {
    const auto type = try_open(plugin, config);
    ASSERT_FALSE(type.ok()) << plugin << config;
    const std::string message(type.status().message());
    EXPECT_EQ(type.status().code(), code) << message;
    EXPECT_TRUE(message.starts_with("windows[0] (" + std::string(plugin) + "): ")) << message;
    EXPECT_NE(message.find(expected), std::string::npos) << message;
  }
}

// What fails costs the window, is counted, and never gets across the border as an exception.
TEST(AggregateLibrary, LosesTheWindowWhoseCallFails) {
  for (const char* lie : {"init", "add", "failed_add", "odd_answer"}) {
    const Type type = liar(lie);
    EXPECT_TRUE(of(type, {1, 200}).lost()) << lie;
    EXPECT_EQ(type->failures(), 1u) << lie;
  }
  for (const char* lie : {"add", "failed_add"}) EXPECT_FALSE(of(liar(lie), {1, 2}).lost()) << lie;
  const Type merging = liar("merge");
  PluginAggregate merged = of(merging, {1});
  ASSERT_TRUE(merged.merge(of(merging, {2})).ok());
  EXPECT_TRUE(merged.lost());
  PluginAggregate moved = of(liar("move_by"), {1});
  moved.move_by(1);
  EXPECT_TRUE(moved.lost());
  for (const char* lie : {"add", "number", "merge"}) {
    const Type type = open("thrower_aggregate", std::string("{\"at\":\"") + lie + "\"}");
    PluginAggregate aggregate = of(type, {1});
    ASSERT_TRUE(aggregate.merge(of(type, {})).ok());
    EXPECT_TRUE(aggregate.lost()) << lie;
  }
}

// Windows that were lost alike share the text, which fits into an event.
TEST(AggregateLibrary, SaysWhichCallFailedLastAndHow) {
  const Type type = liar("failed_add");
  EXPECT_EQ(type->failure(), nullptr);
  const PluginAggregate first = of(type, {1, 200});
  const PluginAggregate second = of(type, {1, 200});
  ASSERT_NE(first.fault(), nullptr);
  EXPECT_EQ(*first.fault(),
            "add: 'answered " + std::to_string(SLUICE_FAILED) + " (SLUICE_FAILED)'");
  EXPECT_EQ(first.fault(), second.fault());
  std::vector<std::uint64_t> words(2);
  EXPECT_FALSE(type->restore(reinterpret_cast<std::byte*>(words.data()), "nope",
                             "2.0\n" + std::string(500, '\xFF')));
  EXPECT_TRUE(type->failure()->starts_with("restore: 'answered")) << *type->failure();
  EXPECT_TRUE(is_utf8(*type->failure()));
  EXPECT_EQ(type->failure()->find('\n'), std::string::npos);
  EXPECT_LE(type->failure()->size(), 256u);
}

TEST(AggregateLibrary, TakesNoMoreAndNoLessThanTheContractAllows) {
  for (const char* lie : {"save", "writes_more", "writes_nothing"}) {
    const Type type = liar(lie);
    PluginAggregate aggregate = of(type, {1, 2});
    EXPECT_EQ(aggregate.saved(), "") << lie;
    EXPECT_EQ(aggregate.results(), std::vector<double>{2}) << lie << ": the state stays";
    EXPECT_EQ(type->failures(), 1u) << lie;
  }
  std::string out = "before";
  std::vector<std::uint64_t> state(1);
  EXPECT_FALSE(liar("writes_more")->save(reinterpret_cast<std::byte*>(state.data()), out));
  EXPECT_EQ(out, "before");
  EXPECT_TRUE(of(liar("result"), {1}).results().empty());
  EXPECT_TRUE(std::isnan(of(liar("infinite"), {1}).results()[0]));
}

TEST(AggregateLibrary, RefusesBytesThatThePluginDoesNotTake) {
  const Type good = liar("");
  std::vector<std::uint64_t> words(2);
  auto* const state = reinterpret_cast<std::byte*>(words.data());
  EXPECT_TRUE(good->restore(state, std::string(8, '\1'), "1.0"));
  EXPECT_FALSE(good->restore(state, std::string(7, '\1'), "1.0"));
  EXPECT_FALSE(liar("restore")->restore(state, std::string(8, '\1'), "1.0"));
  EXPECT_FALSE(liar("odd_restore")->restore(state, std::string(8, '\1'), "1.0"));
  EXPECT_FALSE(open("thrower_aggregate", R"({"at":"restore"})")->restore(state, "", "1"));
}

/// What is logged meanwhile. A thread of its own writes it, so the end is a line that we know.
template <typename Meanwhile>
std::string logged(Meanwhile meanwhile) {
  const TempDir dir;
  const std::string path = dir.path() + "/log";
  const int before = ::dup(STDOUT_FILENO);
  const int file = ::open(path.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
  ::dup2(file, STDOUT_FILENO);
  meanwhile();
  log::warn("test", "the end of the log");
  std::string lines;
  for (int i = 0; i < 1000 && lines.find("the end of the log") == std::string::npos; ++i) {
    ::usleep(10'000);
    std::ifstream in(path);
    lines.assign(std::istreambuf_iterator<char>(in), {});
  }
  ::dup2(before, STDOUT_FILENO);
  ::close(before);
  ::close(file);
  return lines;
}

// The first failure of each function, whatever a million windows run into.
TEST(AggregateLibrary, LogsOneFailureOfEachFunction) {
  const Type type = open("thrower_aggregate", R"({"at":"save"})");
  const std::string lines = logged([&] {
    for (int i = 0; i < 5; ++i) EXPECT_EQ(of(type, {1}).saved(), "");
  });
  EXPECT_EQ(type->failures(), 5u);
  const std::size_t first = lines.find("function=save");
  EXPECT_NE(first, std::string::npos) << lines;
  EXPECT_EQ(lines.find("function=save", first + 1), std::string::npos) << lines;
}

TEST(AggregateFolder, LoadsEachKeyOnceAndKeepsThatThereIsNone) {
  TempDir dir;
  AggregateFolder folder(dir / ".");
  const PluginAggregateKey key{"thrower_aggregate", R"({"at":""})"};
  const PluginAggregateKey other{"thrower_aggregate", R"({"at":"add"})"};
  EXPECT_EQ(folder.find(other), nullptr);
  std::filesystem::copy_file(BAD_PLUGIN_DIR "/thrower_aggregate.so", dir / "thrower_aggregate.so");
  EXPECT_EQ(folder.find(other), nullptr);
  const Type type = folder.find(key);
  ASSERT_NE(type, nullptr);
  EXPECT_EQ(folder.find(key), type);
  for (const PluginAggregateKey& bad : {PluginAggregateKey{"../thrower_aggregate", "{}"},
                                        {"thrower_aggregate", "{\"at\":1}"},
                                        {"thrower_aggregate", "{"},
                                        {"", ""}}) {
    EXPECT_EQ(folder.find(bad), nullptr) << bad.plugin << bad.config_json;
  }
}

// A version with one more key, which has a default: what nodes wrote without it still merges.
TEST(AggregateFolder, AnswersForTheKeyThatItWasAsked) {
  AggregateFolder folder(BAD_PLUGIN_DIR);
  const PluginAggregateKey old{"thrower_aggregate", "{}"};
  const Type type = folder.find(old);
  ASSERT_NE(type, nullptr);
  EXPECT_EQ(type->key(), old);
}

TEST(AggregateFolder, StaysSmallUnderKeysThatNobodyUses) {
  AggregateFolder folder(BAD_PLUGIN_DIR);
  const PluginAggregateKey used{"liar_aggregate", "{}"};
  const Type type = folder.find(used);
  for (std::size_t i = 0; i < 2 * AggregateFolder::kKeysMax; ++i) {
    folder.find({"no such plugin", std::to_string(i)});
  }
  EXPECT_EQ(folder.find(used), type) << "in use, so kept";
}

TEST(AggregateFolder, ServesSeveralThreads) {
  AggregateFolder folder(BAD_PLUGIN_DIR);
  std::vector<Type> found(4);
  std::vector<std::thread> threads;
  for (Type& type : found) {
    threads.emplace_back([&] { type = folder.find({"liar_aggregate", R"({"lie":""})"}); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const Type& type : found) EXPECT_EQ(type, found[0]);
  EXPECT_EQ(of(found[0], {1, 2, 3}).results(), std::vector<double>{3});
}

}  // namespace
}  // namespace sluice
