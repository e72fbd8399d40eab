#include "hub/group_commit.h"

#include <chrono>
#include <vector>

namespace sluice::hub {
namespace {
constexpr auto kIdleWait = std::chrono::seconds(10);
}

GroupCommit::GroupCommit(HubStore& store, std::size_t waiting_max)
    : store_(store), queue_(waiting_max), thread_("hub-store", [this] { run(); }) {}

GroupCommit::~GroupCommit() {
  queue_.close();
  thread_.join();
}

Outcome GroupCommit::commit(const Change& change) {
  Waiting waiting{&change, {}};
  std::future<Outcome> outcome = waiting.outcome.get_future();
  if (!queue_.push(std::move(waiting))) return {unavailable("the hub is stopping")};
  return outcome.get();
}

void GroupCommit::run() {
  std::vector<Waiting> group;
  while (true) {
    group.clear();
    if (queue_.pop_many(group, queue_.capacity(), kIdleWait) == 0) {
      if (queue_.closed() && queue_.size() == 0) return;
      continue;
    }
    std::vector<const Change*> changes;
    for (const Waiting& waiting : group) changes.push_back(waiting.change);
    std::vector<Outcome> outcomes = store_.apply(changes);
    for (std::size_t i = 0; i < group.size(); ++i) {
      group[i].outcome.set_value(std::move(outcomes[i]));
    }
  }
}

}  // namespace sluice::hub
