#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "model/config_revision.h"

namespace sluice {

/// A store in memory that stays when the process ends. Its members are for the thread of the test,
/// while no other calls.
class MemoryRevisions final : public RevisionStore {
 public:
  Result<std::int64_t> add(ConfigRevision revision) override {
    const std::lock_guard lock(mutex_);
    if (full) return resource_exhausted("the disk is full");
    revision.number = static_cast<std::int64_t>(all.size()) + 1;
    all[revision.number] = revision;
    return revision.number;
  }
  Status set_state(std::int64_t number, RevisionState state, const std::string& message,
                   std::int64_t changed_ns) override {
    const std::lock_guard lock(mutex_);
    if (full) return resource_exhausted("the disk is full");
    for (auto& [other, revision] : all) {
      const bool leaves = state == RevisionState::applied || state == RevisionState::probation;
      if (other == number || !leaves) continue;
      if (revision.state == RevisionState::probation) revision.state = RevisionState::rolled_back;
      if (revision.state == RevisionState::applied && state == RevisionState::applied) {
        revision.state = RevisionState::superseded;
      }
    }
    all[number].state = state;
    all[number].message = message;
    all[number].changed_ns = changed_ns;
    return {};
  }
  Result<std::int64_t> count_start(std::int64_t number) override {
    const std::lock_guard lock(mutex_);
    return ++starts[number];
  }
  Result<std::optional<ConfigRevision>> current() override {
    const std::lock_guard lock(mutex_);
    auto tried = newest(RevisionState::probation);
    return tried ? tried : newest(RevisionState::applied);
  }
  Result<std::optional<ConfigRevision>> last_good() override {
    const std::lock_guard lock(mutex_);
    return newest(RevisionState::applied);
  }
  Result<ConfigRevision> get(std::int64_t number) override {
    const std::lock_guard lock(mutex_);
    if (!all.count(number)) return not_found("no such revision");
    return all[number];
  }
  Result<std::vector<ConfigRevision>> list(std::size_t) override {
    const std::lock_guard lock(mutex_);
    std::vector<ConfigRevision> out;
    for (auto it = all.rbegin(); it != all.rend(); ++it) out.push_back(it->second);
    return out;
  }

  bool full = false;
  std::map<std::int64_t, ConfigRevision> all;
  std::map<std::int64_t, std::int64_t> starts;

 private:
  std::mutex mutex_;
  std::optional<ConfigRevision> newest(RevisionState state) const {
    for (auto it = all.rbegin(); it != all.rend(); ++it) {
      if (it->second.state == state) return it->second;
    }
    return std::nullopt;
  }
};

}  // namespace sluice
