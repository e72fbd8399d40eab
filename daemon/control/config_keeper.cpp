#include "control/config_keeper.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/log.h"
#include "schema/spec_hash.h"

namespace sluice {
namespace {

constexpr std::int64_t kWatchNs = 1'000'000'000;
constexpr std::int64_t kForever = std::numeric_limits<std::int64_t>::max();

}  // namespace

ConfigKeeper::ConfigKeeper(RevisionStore& revisions, const Clock& clock, const Options& options,
                           ConfigActions actions)
    : revisions_(revisions),
      clock_(clock),
      options_(options),
      actions_(std::move(actions)),
      probation_(options.probation_ns, options.bounds) {}

Result<std::int64_t> ConfigKeeper::keep(const std::string& document, const RevisionSource& source,
                                        RevisionState state) {
  ConfigRevision revision;
  revision.source = source;
  revision.state = state;
  revision.received_ns = revision.changed_ns = clock_.wall_ns();
  revision.document = document;
  return revisions_.add(std::move(revision));
}

Status ConfigKeeper::set_state(std::int64_t number, RevisionState state,
                               const std::string& message) {
  Status s = revisions_.set_state(number, state, message, clock_.wall_ns());
  if (s.ok()) {
    actions_.changed();
    return s;
  }
  log::error("control", "what became of a config cannot be written down",
             {{"revision", number}, {"error", s.to_string()}});
  return s;
}

void ConfigKeeper::doing(Doing what, std::int64_t number) {
  MutexLock lock(mutex_);
  doing_ = what;
  number_ = number;
  abort_ = false;
}

// --- the start of the daemon ---

Result<ConfigKeeper::Start> ConfigKeeper::start_with(const ConfigRevision& revision) {
  auto config = actions_.read(revision.document, revision.source.origin);
  if (!config.ok()) return config.status();
  return Start{*std::move(config), revision.number};
}

Result<ConfigKeeper::Start> ConfigKeeper::start_with_file(const std::string& document,
                                                          const v1::Config& file) {
  const auto good = revisions_.last_good();
  const bool is_tried = good.ok() && *good && options_.probation_ns > 0;
  const auto number = keep(document, {RevisionOrigin::file}, RevisionState::applying);
  if (!number.ok()) return number.status();
  Status s = set_state(*number, is_tried ? RevisionState::probation : RevisionState::applied, "");
  if (!s.ok()) return s;
  if (is_tried) doing(Doing::probation, *number);
  return Start{file, *number};
}

/// What the former process was about to do, it has not done, or the next checkpoint undoes it.
Status ConfigKeeper::settle_interrupted() {
  const auto all = revisions_.list(std::numeric_limits<std::size_t>::max());
  if (!all.ok()) return all.status();
  for (const ConfigRevision& revision : *all) {
    if (revision.state != RevisionState::applying) continue;
    Status s = set_state(revision.number, RevisionState::refused,
                         "the daemon stopped before it took effect");
    if (!s.ok()) return s;
  }
  return {};
}

Result<ConfigKeeper::Start> ConfigKeeper::start(const std::string& file_document,
                                                const v1::Config& file) {
  if (Status s = settle_interrupted(); !s.ok()) return s;
  auto current = revisions_.current();
  if (!current.ok()) return current.status();
  if (!*current) return start_with_file(file_document, file);
  const ConfigRevision& revision = **current;
  if (revision.state == RevisionState::probation) {
    const auto starts = revisions_.count_start(revision.number);
    if (!starts.ok()) return starts.status();
    if (*starts >= options_.starts_max) {
      return start_failed(unavailable("the daemon was started " + std::to_string(*starts) +
                                      " times during its probation"));
    }
    doing(Doing::probation, revision.number);
  }
  auto chosen = start_with(revision);
  const bool differs = !chosen.ok() || config_hash(chosen->config) != config_hash(file);
  if (revision.source.origin == RevisionOrigin::file && differs) {
    return start_with_file(file_document, file);
  }
  if (!chosen.ok()) return start_failed(chosen.status());
  file_differs_ = differs;
  if (differs) {
    log::warn("control", "the config file differs from the revision in effect, which wins",
              {{"revision", revision.number}});
  }
  return chosen;
}

void ConfigKeeper::started() {
  {
    MutexLock lock(mutex_);
    if (doing_ != Doing::probation) return;
  }
  probation_.begin(actions_.health(), true);
}

Result<ConfigKeeper::Start> ConfigKeeper::start_failed(const Status& why) {
  auto current = revisions_.current();
  if (!current.ok()) return current.status();
  if (!*current || (*current)->state != RevisionState::probation) return why;
  const std::int64_t number = (*current)->number;
  log::error("control", "a config on probation is rolled back",
             {{"revision", number}, {"error", why.to_string()}});
  Status s = set_state(number, RevisionState::rolled_back, std::string(why.message()));
  if (!s.ok()) return s;
  doing(Doing::nothing, 0);
  const auto good = revisions_.last_good();
  if (!good.ok()) return good.status();
  if (!*good) return why;
  return start_with(**good);
}

// --- a config comes ---

Result<std::int64_t> ConfigKeeper::submit(const std::string& document,
                                          const RevisionSource& source) {
  if (Status s = check_turn(); !s.ok()) return s;
  if (const auto config = actions_.check(document, source.origin); !config.ok()) {
    return config.status();
  }
  MutexLock lock(mutex_);
  if (Status s = turn(); !s.ok()) return s;
  auto number = keep(document, source, RevisionState::applying);
  if (!number.ok()) return number;
  doing_ = Doing::applying;
  number_ = *number;
  if (source.origin == RevisionOrigin::file) file_differs_ = false;
  actions_.changed();
  actions_.wake_owner();
  return number;
}

/// Before what takes long.
Status ConfigKeeper::check_turn() const {
  MutexLock lock(mutex_);
  return turn();
}

Status ConfigKeeper::turn() const {
  if (doing_ == Doing::nothing) return {};
  return failed_precondition(
      "revision " + std::to_string(number_) +
      (doing_ == Doing::applying ? " is about to take effect" : " is on probation") +
      ": wait for it, or roll it back");
}

Result<std::int64_t> ConfigKeeper::roll_back(std::int64_t number) {
  {
    MutexLock lock(mutex_);
    if (doing_ == Doing::applying) return failed_precondition("a config is about to take effect");
    if (doing_ == Doing::probation && number == 0) {
      abort_ = true;
      actions_.wake_owner();
      const auto good = revisions_.last_good();
      if (!good.ok()) return good.status();
      return *good ? (*good)->number : 0;
    }
  }
  if (number == 0) {
    const auto all = revisions_.list(std::numeric_limits<std::size_t>::max());
    if (!all.ok()) return all.status();
    const auto before = std::find_if(all->begin(), all->end(), [](const ConfigRevision& one) {
      return one.state == RevisionState::superseded;
    });
    if (before == all->end()) return failed_precondition("there is no config to go back to");
    number = before->number;
  }
  const auto revision = revisions_.get(number);
  if (!revision.ok()) return revision.status();
  return submit(revision->document, {RevisionOrigin::local});
}

// --- in effect ---

void ConfigKeeper::step() {
  Doing what = Doing::nothing;
  std::int64_t number = 0;
  bool is_aborted = false;
  {
    MutexLock lock(mutex_);
    what = doing_;
    number = number_;
    is_aborted = abort_;
  }
  if (what == Doing::applying) return apply(number);
  if (what == Doing::probation) return watch(number, is_aborted);
  remember();
}

void ConfigKeeper::remember() {
  if (options_.probation_ns == 0 || clock_.boottime_ns() < next_sample_ns_) return;
  next_sample_ns_ = clock_.boottime_ns() + probation_.interval_ns();
  probation_.remember(actions_.health());
}

void ConfigKeeper::apply(std::int64_t number) {
  const auto revision = revisions_.get(number);
  Status s = revision.status();
  if (s.ok()) {
    const auto config = actions_.read(revision->document, revision->source.origin);
    s = config.ok() ? actions_.put_into_effect(*config) : config.status();
  }
  const bool is_tried = options_.probation_ns > 0;
  if (s.ok()) {
    // Before this is on flash, the next start goes back to the former one.
    s = set_state(number, is_tried ? RevisionState::probation : RevisionState::applied, "");
    if (!s.ok()) return go_back(number, "it cannot be written down: " + std::string(s.message()));
    log::info("control", is_tried ? "a config is in effect, on probation" : "a config is in effect",
              {{"revision", number}});
    doing(is_tried ? Doing::probation : Doing::nothing, number);
    if (is_tried) probation_.begin(actions_.health());
    return;
  }
  log::error("control", "a config does not take effect",
             {{"revision", number}, {"error", s.to_string()}});
  // Where that fails, the next start says so: it was on its way.
  static_cast<void>(set_state(number, RevisionState::refused, std::string(s.message())));
  doing(Doing::nothing, 0);
}

void ConfigKeeper::watch(std::int64_t number, bool is_aborted) {
  if (is_aborted) return go_back(number, "an operator rolled it back");
  const HealthSample now = actions_.health();
  if (const std::string worse = probation_.judge(now); !worse.empty()) {
    return go_back(number, worse);
  }
  if (!probation_.is_over(now.boottime_ns)) return;
  if (!set_state(number, RevisionState::applied, "").ok()) return;  // tried again
  log::info("control", "a config has passed its probation", {{"revision", number}});
  probation_.end();
  doing(Doing::nothing, 0);
}

/// The store first: should we be killed between the two, the next start has the former config.
void ConfigKeeper::go_back(std::int64_t number, const std::string& why) {
  log::error("control", "a config is rolled back", {{"revision", number}, {"reason", why}});
  if (!set_state(number, RevisionState::rolled_back, why).ok()) return;  // tried again
  probation_.end();
  doing(Doing::nothing, 0);
  const auto good = revisions_.last_good();
  Status s = good.status();
  if (s.ok() && *good) {
    const auto config = actions_.read((*good)->document, (*good)->source.origin);
    s = config.ok() ? actions_.put_into_effect(*config) : config.status();
  }
  if (s.ok()) return;
  log::error("control", "the config before does not take effect: restart the daemon",
             {{"error", s.to_string()}});
}

std::int64_t ConfigKeeper::next_step_ns() const {
  MutexLock lock(mutex_);
  if (doing_ == Doing::applying) return 0;
  if (doing_ == Doing::probation) return kWatchNs;
  if (options_.probation_ns == 0) return kForever;
  return std::max<std::int64_t>(next_sample_ns_ - clock_.boottime_ns(), 0);
}

}  // namespace sluice
