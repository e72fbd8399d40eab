#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ingest/json_decoder.h"

namespace sluice {

/// A JSON decoder of one source, its tables, and what came of the last message.
class DecoderFixture : public ::testing::Test {
 protected:
  DecoderFixture() {
    source_.name = "hall";
    add_pattern("site/{site}/dev/{device}");
  }

  void add_pattern(std::string_view text) {
    Result<TopicPattern> pattern = TopicPattern::parse(text);
    ASSERT_TRUE(pattern.ok()) << pattern.status().to_string();
    source_.patterns.push_back(*pattern);
  }

  /// Starts anew: a decoder of the source and options as they are, empty tables, no readings.
  void build() {
    batch_.clear();
    series_ = std::make_unique<SeriesTable>(table_capacity_);
    topics_ = std::make_unique<TopicTable>(table_capacity_);
    options_.sources = {source_};
    Result<std::unique_ptr<JsonDecoder>> made = JsonDecoder::create(options_, *series_, *topics_);
    ASSERT_TRUE(made.ok()) << made.status().to_string();
    decoder_ = std::move(*made);
  }

  /// The reason, or "ok". Builds the decoder at the first call.
  std::string decode(std::string payload, std::string topic = "site/a/dev/1") {
    if (decoder_ == nullptr) build();
    IngestEvent message;
    message.topic = std::move(topic);
    message.payload = std::move(payload);
    message.wall_ns = kArrivalNs;
    message.position.source = source_index_;
    const std::size_t before = batch_.size();
    const DecodeResult result = decoder_->decode(message, batch_);
    check_columns();
    detail_ = result.detail;
    refused_ = result.refused;
    if (result.ok) {
      EXPECT_GT(batch_.size(), before) << "accepted without a reading";
      EXPECT_EQ(result.reason + result.detail, "");
      return "ok";
    }
    EXPECT_EQ(batch_.size(), before) << "a rejected message left readings behind";
    EXPECT_FALSE(result.detail.empty());
    EXPECT_LE(result.detail.size(), 512u);
    EXPECT_TRUE(is_known(result.reason)) << result.reason;
    return result.reason;
  }

  /// `measurement{labels} unit = value` of row `i`.
  std::string row(std::size_t i) const {
    const Reading r = batch_.at(i);
    std::string value;
    switch (r.value.kind) {
      case ValueKind::f64: value = "f64 " + std::to_string(r.value.as_double()); break;
      case ValueKind::i64:
        value = "i64 " + std::to_string(static_cast<std::int64_t>(r.value.bits));
        break;
      case ValueKind::u64: value = "u64 " + std::to_string(r.value.bits); break;
      case ValueKind::boolean: value = r.value.bits != 0 ? "true" : "false"; break;
    }
    return series_->at(r.series).to_string() + " = " + value;
  }

  static constexpr std::int64_t kArrivalNs = 1'700'000'000'000'000'000;
  JsonSource source_;
  JsonDecoderOptions options_;
  std::size_t table_capacity_ = 1000;
  std::uint32_t source_index_ = 0;
  std::unique_ptr<SeriesTable> series_;
  std::unique_ptr<TopicTable> topics_;
  std::unique_ptr<JsonDecoder> decoder_;
  ReadingBatch batch_;
  std::string detail_;
  std::optional<Series> refused_;

 private:
  static bool is_known(const std::string& reason) {
    for (const RejectReasonText& known : kRejectReasons) {
      if (known.name == reason) return true;
    }
    return false;
  }
  void check_columns() const {
    const std::size_t n = batch_.size();
    ASSERT_TRUE(batch_.topic.size() == n && batch_.event_time_ns.size() == n &&
                batch_.kind.size() == n && batch_.bits.size() == n && batch_.quality.size() == n);
    for (std::size_t i = 0; i < n; ++i) {
      ASSERT_TRUE(series_->contains(batch_.series[i]));
      ASSERT_TRUE(topics_->contains(batch_.topic[i]));
      ASSERT_GE(batch_.event_time_ns[i], 0);
    }
  }
};

}  // namespace sluice
