#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/mqtt_options.h"
#include "model/topic_filter.h"

namespace sluice {

/// mosquitto's count of messages it dropped, for all of its clients, since it started.
inline constexpr std::string_view kDropCounterTopic = "$SYS/broker/publish/messages/dropped";

/// What to ask of the broker on a new connection.
struct SubscribePlan {
  std::vector<std::string> leave;  ///< to unsubscribe
  std::vector<TopicFilter> join;   ///< to subscribe
  /// Asked for again though the broker should have them. It heals a session that the broker lost
  /// before a crash of ours: it has a new one since our CONNECT, which our log knows nothing of.
  std::vector<TopicFilter> refresh;
  bool changes() const { return !leave.empty() || !join.empty(); }
};

/// The filters that the broker may have in our session, against those we want.
///
/// A broker delivers what it has ever been asked for, for as long as the session lives, so a filter
/// is remembered, durably, before it is asked for, and forgotten only once the broker has confirmed
/// that it is gone. A plain value; whoever holds it guards it.
class Subscriptions {
 public:
  explicit Subscriptions(const SourceOptions& options);

  /// As the log has them after a restart.
  void remember(std::vector<TopicFilter> known) { known_ = std::move(known); }
  /// A connection begins. From here on what the plan touches is unsettled.
  SubscribePlan plan(bool session_present);
  /// The broker has answered: it has what is wanted, but for `refused`. Until then each plan
  /// refreshes.
  void settle(const std::vector<std::string>& refused);

  const std::vector<TopicFilter>& known() const { return known_; }

  /// Of a topic whose message has the retain flag: no filter that takes it has been new in this
  /// process, so it was a refresh that brought the message, and it has come before. MQTT 5 can ask
  /// the broker not to do that; in 3.1.1 every SUBSCRIBE brings the retained messages, and nothing
  /// else has the flag (3.3.1.3). What an earlier process has asked for as new and not taken in is
  /// not told from it.
  bool retained_again(std::string_view topic) const;

 private:
  const bool repeats_retained_;
  std::vector<TopicFilter> wanted_;
  std::vector<TopicFilter> known_;
  std::set<std::string> joined_;  ///< by a plan of this process
  bool refreshes_ = true;
};

/// The counter as published; nothing for what is no number.
std::optional<std::uint64_t> parse_drop_counter(std::string_view payload);

}  // namespace sluice
