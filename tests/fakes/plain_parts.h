#pragma once

#include <cstdlib>
#include <string>

#include "model/ports.h"

namespace sluice {

/// Reads "<event time ns> <value>" as one reading of the series "v" of the message's topic.
/// [pipeline]
class TextDecoder final : public Decoder {
 public:
  TextDecoder(SeriesTable& series, TopicTable& topics) : series_(series), topics_(topics) {}
  DecodeResult decode(const IngestEvent& message, ReadingBatch& out) override {
    char* end = nullptr;
    const long long time = std::strtoll(message.payload.c_str(), &end, 10);
    if (end == message.payload.c_str() || *end != ' ') return {false, "not_text", "no time"};
    Reading reading;
    reading.topic = topics_.intern({"plant", message.topic});
    reading.series = series_.intern({"v", "", {{"topic", message.topic}}});
    reading.event_time_ns = time;
    reading.value = Value::of(std::strtod(end + 1, nullptr));
    out.append(reading);
    return {};
  }

 private:
  SeriesTable& series_;
  TopicTable& topics_;
};

/// Keeps blocks as they are, beside text bytes that name them. [pipeline]
class BlockKeeper final : public SummaryEncoder {
 public:
  std::string encode(const SummaryBlock& block) override {
    blocks.push_back(block);
    return "block " + std::to_string(blocks.size());
  }
  std::string encode(const TimeCorrection& correction) override {
    corrections.push_back(correction);
    return "correction " + std::to_string(corrections.size());
  }
  std::vector<SummaryBlock> blocks;
  std::vector<TimeCorrection> corrections;
};

/// Drops every reading whose value is negative; counts what it saw, which is its state.
class DropNegative final : public Stage {
 public:
  explicit DropNegative(bool ordered) : ordered_(ordered) {}
  const std::string& name() const override { return name_; }
  const std::vector<std::string>& rules() const override { return rules_; }
  bool ordered() const override { return ordered_; }
  Status process(const ReadingBatch& in, StageOutput& out) override {
    if (fail_next) {
      fail_next = false;
      return internal_error("asked to fail");
    }
    for (std::size_t i = 0; i < in.size(); ++i) {
      if (ordered_ && in.event_time_ns[i] < newest_[in.topic[i]]) ++out_of_order;
      newest_[in.topic[i]] = in.event_time_ns[i];
      ++seen;
      if (in.at(i).value.as_double() < 0) {
        out.verdicts.push_back(Verdict::drop);
        out.drops.push_back({static_cast<std::uint32_t>(i), 0});
      } else {
        out.verdicts.push_back(Verdict::pass);
      }
    }
    return {};
  }
  Status on_time(std::int64_t, StageOutput&) override { return {}; }
  Result<std::string> snapshot() override { return std::to_string(seen); }
  Status restore(std::string_view bytes) override {
    seen = std::strtoull(std::string(bytes).c_str(), nullptr, 10);
    return {};
  }
  std::uint64_t seen = 0;
  std::uint64_t out_of_order = 0;
  bool fail_next = false;

 private:
  const bool ordered_;
  const std::string name_ = "drop_negative";
  const std::vector<std::string> rules_ = {"negative"};
  std::unordered_map<TopicId, std::int64_t> newest_;
};

}  // namespace sluice
