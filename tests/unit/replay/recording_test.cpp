#include "replay/recording.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace sluice {
namespace {

TEST(Recording, ReadsSecondsWithAFractionTopicAndPayload) {
  const auto message = parse_recorded_message("1460048812.5\ta/b\t{\"t\":1}\tx");
  ASSERT_TRUE(message.ok()) << message.status().to_string();
  EXPECT_EQ(message->time_ns, 1460048812500000000);
  EXPECT_EQ(message->topic, "a/b");
  EXPECT_EQ(message->payload, "{\"t\":1}\tx");
}

TEST(Recording, RefusesLinesThatCannotBePublished) {
  for (const char* line : {"", "12", "12\ta", "x\ta\tb", "-1\ta\tb", "1.\ta\tb", "1.5x\ta\tb",
                           "1\t\tb", "1\ta/+\tb", "1\t#\tb", "99999999999999999999\ta\tb"}) {
    EXPECT_FALSE(parse_recorded_message(line).ok()) << line;
  }
}

TEST(Recording, NamesTheFileAndTheLineOfAnError) {
  const auto path =
      std::filesystem::temp_directory_path() / ("recording_" + std::to_string(::getpid()) + ".tsv");
  std::ofstream(path) << "1\ta\tb\n2 a b\n";
  const auto recording = read_recording(path.string());
  std::filesystem::remove(path);
  ASSERT_FALSE(recording.ok());
  EXPECT_NE(recording.status().message().find(path.string() + ":2:"), std::string::npos)
      << recording.status().to_string();
}

TEST(Recording, KeepsGapsAndSendsAStepBackAtOnce) {
  const std::vector<RecordedMessage> messages = {{10'000'000'000, "t", ""},
                                                 {20'000'000'000, "t", ""},
                                                 {20'000'000'000, "t", ""},
                                                 {5'000'000'000, "t", ""},
                                                 {25'000'000'000, "t", ""}};
  EXPECT_EQ(due_times(messages, 10), (std::vector<std::int64_t>{0, 1'000'000'000, 1'000'000'000,
                                                                1'000'000'000, 3'000'000'000}));
  EXPECT_DOUBLE_EQ(speed_for(messages, 3), 10);
}

}  // namespace
}  // namespace sluice
