#include "node/rehearsal_stream.h"

#include <gtest/gtest.h>

#include <random>

#include "unit/node/recording.h"

namespace sluice {
namespace {

TEST(FrameCutter, FindsTheFramesHoweverTheStreamIsCut) {
  const std::uint64_t seed = storage::fresh_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  std::string stream;
  std::vector<std::pair<RehearsalFrame, std::string>> sent;
  for (int i = 0; i < 200; ++i) {
    sent.emplace_back(static_cast<RehearsalFrame>(1 + random() % 7),
                      std::string(random() % 300, static_cast<char>('a' + i % 26)));
    append_frame(sent.back().first, sent.back().second, stream);
  }
  std::vector<std::pair<RehearsalFrame, std::string>> found;
  FrameCutter cutter;
  for (std::size_t at = 0; at < stream.size();) {
    const std::size_t size = std::min<std::size_t>(1 + random() % 500, stream.size() - at);
    cutter.push(std::string_view(stream).substr(at, size));
    at += size;
    for (;;) {
      const auto frame = cutter.next();
      ASSERT_TRUE(frame.ok());
      if (!*frame) break;
      found.emplace_back((*frame)->kind, (*frame)->payload);
    }
  }
  EXPECT_EQ(found, sent);
  EXPECT_TRUE(cutter.empty());
}

TEST(FrameCutter, RefusesALengthBeforeItHasTheBytes) {
  FrameCutter cutter;
  cutter.push(std::string("\xff\xff\xff\xff\x04", 5));
  EXPECT_EQ(cutter.next().status().code(), StatusCode::data_loss);
}

Status take(RehearsalSession& session, RehearsalFrame kind, const std::string& payload = "") {
  return session.take({kind, payload});
}

std::string setup_of(const std::string& pipelines) {
  v1::RehearsalSetup setup;
  *setup.mutable_config() = plant_config(pipelines);
  setup.add_recorded_sources("plant");
  return setup.SerializeAsString();
}

TEST(RehearsalSession, WantsEveryFrameInItsTurn) {
  RehearsalSession session;
  EXPECT_EQ(take(session, RehearsalFrame::segment).code(), StatusCode::data_loss);
  EXPECT_EQ(take(session, RehearsalFrame::setup, "\xff").code(), StatusCode::data_loss);
  EXPECT_TRUE(take(session, RehearsalFrame::setup, setup_of("[{name: p}]")).ok());
  EXPECT_EQ(take(session, RehearsalFrame::setup, setup_of("[{name: p}]")).code(),
            StatusCode::data_loss);
  EXPECT_EQ(take(session, RehearsalFrame::series, "abc").code(), StatusCode::data_loss);
  EXPECT_EQ(take(session, RehearsalFrame::report).code(), StatusCode::data_loss);
  EXPECT_FALSE(session.ended());
  EXPECT_TRUE(take(session, RehearsalFrame::end).ok());
  EXPECT_TRUE(session.ended());
  EXPECT_EQ(take(session, RehearsalFrame::segment).code(), StatusCode::data_loss);
}

TEST(RehearsalSession, CountsSegmentsThatItCannotReadAndGoesOn) {
  RehearsalSession session;
  ASSERT_TRUE(take(session, RehearsalFrame::setup, setup_of("[{name: p}]")).ok());
  ASSERT_TRUE(take(session, RehearsalFrame::segment).ok());
  ASSERT_TRUE(take(session, RehearsalFrame::segment, "nonsense").ok());
  BatchEntry batch;
  batch.readings.append({9, 9, 0, Value::of(1.0)});
  ASSERT_TRUE(take(session, RehearsalFrame::segment, encode_segment({{batch}, {}})).ok());
  ASSERT_TRUE(take(session, RehearsalFrame::segment, encode_segment({{TickEntry{5}}, {}})).ok());
  ASSERT_TRUE(take(session, RehearsalFrame::end).ok());
  const v1::RehearsalReport report = session.report();
  EXPECT_EQ(report.segments(), 1u);
  EXPECT_EQ(report.segments_unreadable(), 3u);
}

}  // namespace
}  // namespace sluice
