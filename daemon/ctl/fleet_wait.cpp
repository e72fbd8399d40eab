#include "ctl/fleet_wait.h"

#include <chrono>
#include <cstdio>
#include <map>
#include <thread>

#include "base/clock.h"
#include "ctl/fleet_text.h"
#include "ctl/json_print.h"

namespace sluice::ctl {
namespace {

constexpr auto kLook = std::chrono::milliseconds(500);

struct Watched {
  v1::OfferState told = v1::OFFER_STATE_UNSPECIFIED;
  bool is_settled = false;
};

/// Whether nothing more comes of it.
bool is_settled(v1::OfferState state) {
  return state == v1::OFFER_STATE_APPLIED || state == v1::OFFER_STATE_SUPERSEDED ||
         state == v1::OFFER_STATE_FAILED || state == v1::OFFER_STATE_ROLLED_BACK;
}

class OfferWatch {
 public:
  OfferWatch(std::uint64_t offer_id, bool json) : offer_id_(offer_id), json_(json) {}

  void begin(const v1::ListNodeConfigsResponse& nodes) {
    for (const v1::NodeConfigStatus& node : nodes.nodes()) {
      if (node.connected() && node.desired().offer_id() == offer_id_) watched_[node.node()];
    }
  }
  void look(const v1::ListNodeConfigsResponse& nodes) {
    for (const v1::NodeConfigStatus& node : nodes.nodes()) {
      const auto it = watched_.find(node.node());
      if (it != watched_.end() && !it->second.is_settled) look(node, it->second);
    }
  }
  bool is_over() const {
    for (const auto& watched : watched_) {
      if (!watched.second.is_settled) return false;
    }
    return true;
  }
  bool is_empty() const { return watched_.empty(); }
  bool all_applied() const { return all_applied_; }
  std::string unsettled() const {
    std::string names;
    for (const auto& watched : watched_) {
      if (!watched.second.is_settled) names += (names.empty() ? "" : ", ") + watched.first;
    }
    return names;
  }

 private:
  void look(const v1::NodeConfigStatus& node, Watched& watched) {
    const v1::OfferOutcome& last = node.reported().last_offer();
    if (last.offer_id() == offer_id_ && last.state() != watched.told) {
      watched.told = last.state();
      put(json_ ? to_json(node) + "\n" : offer_state_line(node));
      // Nobody waits for a line that stands in a buffer.
      std::fflush(stdout);
      watched.is_settled = is_settled(last.state());
      all_applied_ =
          all_applied_ && (!watched.is_settled || last.state() == v1::OFFER_STATE_APPLIED ||
                           last.state() == v1::OFFER_STATE_SUPERSEDED);
    }
    if (watched.is_settled || node.desired().offer_id() == offer_id_) return;
    static_cast<void>(fail(failed_precondition(
        "node " + node.node() + " should run another config by now; the hub offers it offer " +
        std::to_string(offer_id_) + " no more")));
    watched.is_settled = true;
    all_applied_ = false;
  }

  const std::uint64_t offer_id_;
  const bool json_;
  std::map<std::string, Watched> watched_;
  bool all_applied_ = true;
};

}  // namespace

ExitCode wait_for_offer(FleetClient& client, std::uint64_t offer_id, const std::string& node,
                        std::int64_t timeout_ns, bool json) {
  const SystemClock clock;
  const std::int64_t end_ns = clock.boottime_ns() + timeout_ns;
  OfferWatch watch(offer_id, json);
  for (bool is_first = true;; is_first = false) {
    const auto nodes = client.nodes(node);
    if (!nodes.ok()) return fail(nodes.status());
    if (is_first) watch.begin(*nodes);
    if (watch.is_empty()) {
      if (!json) put("No node that it is for is connected; each gets it when it returns.\n");
      return kExitOk;
    }
    watch.look(*nodes);
    if (watch.is_over()) return watch.all_applied() ? kExitOk : kExitBadAnswer;
    if (clock.boottime_ns() >= end_ns) break;
    std::this_thread::sleep_for(kLook);
  }
  return fail(failed_precondition("nothing has come of it yet at " + watch.unsettled() +
                                  "; look again with `sluicectl hub configs`"));
}

}  // namespace sluice::ctl
