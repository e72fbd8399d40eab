#pragma once

#include <signal.h>

#include <atomic>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/clock_trust.h"
#include "base/status.h"
#include "base/thread.h"
#include "base/unique_fd.h"
#include "control/config_keeper.h"
#include "node/hub_control.h"
#include "node/node.h"
#include "node/plans.h"
#include "node/state_budget.h"
#include "schema/config_reader.h"
#include "store/config_revisions.h"

namespace sluice {

/// The node over its configs: which one it starts with, how it goes over to the next while data
/// flows, and how it comes back from one that does harm.
///
/// Thread: the caller's, which is the keeper's owner.
class Daemon {
 public:
  /// `file` has been read from `path` and checked. Errors as Node::start.
  static Result<std::unique_ptr<Daemon>> start(const std::string& path, const LoadResult& file,
                                               const std::string& document);
  ~Daemon();

  /// Until one of SIGINT and SIGTERM comes, which must be blocked like SIGHUP; that has it read
  /// the file again. Answers which.
  int run(const sigset_t& signals);

 private:
  Daemon(std::string path, const LoadResult& file, std::unique_ptr<ConfigRevisions> revisions);
  Status start_node(const std::string& document);
  ConfigActions actions();
  LoadResult load(const std::string& document, RevisionOrigin origin, BudgetCheck budget) const;
  Result<v1::Config> check(const std::string& document, RevisionOrigin origin);
  Result<v1::Config> read(const std::string& document, RevisionOrigin origin) const;
  Status put_into_effect(const v1::Config& next);
  Status start_anew(const v1::Config& next);
  Status rehearse(const LoadResult& loaded, const std::string& document);
  v1::ConfigStatus status() const;
  void take_file_again();
  void read_file_again();

  const std::string path_;
  const v1::Config local_;  ///< the file's; its local sections are the node's
  const Environment environment_;
  SystemClock clock_;
  ClockTrust trust_;
  const std::unique_ptr<ConfigRevisions> revisions_;
  UniqueFd wake_;
  Plans plans_;
  std::unique_ptr<ConfigKeeper> keeper_;
  std::unique_ptr<HubControl> hub_;
  v1::Config running_;
  std::unique_ptr<Node> node_;
  Thread file_reader_;
  std::atomic<bool> reads_file_{false};
  std::atomic<bool> stops_{false};
};

}  // namespace sluice
