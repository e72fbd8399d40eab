#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "model/topic_filter.h"

namespace sluice {

/// A topic pattern of the config, e.g. "site/{site}/dev/{device}/telemetry".
///
/// It is an MQTT topic filter (MQTT 5.0, 4.7) in which a level `{name}` stands for `+` and hands
/// out what it matched as the label `name`. Empty levels are levels like others: "/a" has two. A
/// plain value; any thread may read.
class TopicPattern {
 public:
  /// `invalid_argument` names the level that is wrong and how to write it. Refused: an empty
  /// pattern, one over 65,535 bytes, NUL or bytes that are not UTF-8, `+` `#` `{}` that are not a
  /// whole level, `#` before the end, a capture without a name of [A-Za-z_][A-Za-z0-9_]{0,63}, one
  /// name twice, and shared subscriptions.
  static Result<TopicPattern> parse(std::string_view text);

  /// As in the config.
  const std::string& text() const { return text_; }
  /// What the broker is asked for: captures written as `+`.
  const std::string& filter() const { return filter_; }
  /// Names of the captures, in the order of their levels.
  const std::vector<std::string>& names() const { return names_; }

  /// True when the pattern takes `topic`; `captures` then holds one level per name, borrowed from
  /// `topic`, perhaps empty. Otherwise `captures` is empty. A leading wildcard or capture takes no
  /// topic that begins with `$`.
  bool match(std::string_view topic, std::vector<std::string_view>& captures) const;

  /// Every topic that `other` takes is taken by this one too.
  bool covers(const TopicPattern& other) const;
  /// Some topic is taken by both.
  bool overlaps(const TopicPattern& other) const;
  /// The narrowest filter that covers both; for patterns that overlap.
  std::string common_filter(const TopicPattern& other) const;

 private:
  enum class Kind : std::uint8_t { literal, any, capture, rest };
  struct Level {
    Kind kind;
    std::string text;
  };
  TopicPattern() = default;
  static Result<Level> parse_level(std::string_view text);
  Status add_level(std::string_view text, bool last);
  bool starts_with_wildcard() const { return levels_.front().kind != Kind::literal; }
  bool starts_with_dollar() const { return text_.front() == '$'; }
  /// One takes topics that begin with `$`, the other cannot.
  bool parted_by_dollar(const TopicPattern& other) const;

  std::string text_;
  std::string filter_;
  std::vector<std::string> names_;
  std::vector<Level> levels_;  ///< at least one
};

/// A pattern of a source and the QoS it is subscribed at (0 or 1).
struct TopicSubscription {
  TopicPattern pattern;
  std::uint8_t qos = 1;
};

/// What is wrong with two patterns of one source that share only a part of their topics, and what
/// to do: names both and a pattern that would cover them.
std::string shared_topics_advice(const TopicPattern& first, const TopicPattern& later);

/// The filters that bring every message of the patterns exactly once: brokers may deliver a message
/// once per filter that takes it. A filter inside another is left out, and the other gets the
/// higher QoS of both; order is the config's. `invalid_argument` when two patterns share only a
/// part of their topics, with `shared_topics_advice`.
Result<std::vector<TopicFilter>> reduce_filters(const std::vector<TopicSubscription>& patterns);

}  // namespace sluice
