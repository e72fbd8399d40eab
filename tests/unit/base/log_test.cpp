#include "base/log.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::log {
namespace {

// A topic comes from the network: its newline must not start a line of its own.
TEST(Log, ATopicCannotForgeALineInEitherFormat) {
  const std::string topic = "a\nlevel=error room=store msg=\"all lost\"\r\x1b[31m\x7f";
  for (const Format format : {Format::logfmt, Format::json}) {
    const std::string line =
        format_line(format, Level::info, "ingest", "rejected", {{"topic", topic}});
    for (const char c : line) EXPECT_GE(static_cast<unsigned char>(c), 0x20) << line;
    EXPECT_EQ(line.find('\x7f'), std::string::npos);
  }
}

TEST(Log, WritesLogfmtWithQuotesOnlyWhereNeeded) {
  EXPECT_EQ(format_line(Format::logfmt, Level::warn, "store", "commit failed",
                        {{"tries", 3}, {"error", "disk full"}, {"file", "/var/x"}, {"empty", ""}}),
            "level=warn room=store msg=\"commit failed\" tries=3 error=\"disk full\" file=/var/x "
            "empty=\"\"");
  EXPECT_EQ(format_line(Format::logfmt, Level::debug, "a", "b", {{"k", "x=\"y\"\\"}}),
            "level=debug room=a msg=b k=\"x=\\\"y\\\"\\\\\"");
}

TEST(Log, WritesJsonWithBareNumbersAndBooleans) {
  EXPECT_EQ(format_line(Format::json, Level::error, "sync", "a \"b\"",
                        {{"n", -1}, {"on", true}, {"text", "7"}}),
            "{\"level\":\"error\",\"room\":\"sync\",\"msg\":\"a \\\"b\\\"\",\"n\":-1,\"on\":true,"
            "\"text\":\"7\"}");
}

}  // namespace
}  // namespace sluice::log
