#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/status.h"
#include "control/probation.h"
#include "model/config_revision.h"
#include "sluice/v1/config.pb.h"

namespace sluice {

/// How a config is put into effect. Real: node.
struct ConfigActions {
  using Read =
      std::function<Result<v1::Config>(const std::string& document, RevisionOrigin origin)>;
  /// Reads a document. `invalid_argument`: every error on a line of its own. Any thread.
  Read read;
  /// As read(), and checks it against this machine, as `sluiced --check`.
  Read check;
  /// Whole or not at all: after a failure the former one is in effect. [owner]
  std::function<Status(const v1::Config& config)> put_into_effect;
  std::function<HealthSample()> health;  ///< [owner]
  std::function<void()> wake_owner;      ///< step() has something to do. Any thread
  std::function<void()> changed;         ///< a revision came, or became something. Any thread
};

/// The life of a revision: received, checked, put into effect, on probation, kept or rolled back.
///
/// Whatever happens between two steps, the next start finds the one or the other config in effect:
/// a revision counts from the moment that the store holds it as `probation`. One at a time: while
/// one is about to take effect or on probation, others are turned away.
///
/// Thread: step() and the Actions so marked belong to the owner; the rest may be called from any.
class ConfigKeeper {
 public:
  struct Options {
    std::int64_t probation_ns = 60'000'000'000;  ///< 0: none
    ProbationBounds bounds;
    /// So many starts of a daemon whose config is on probation, and it is rolled back.
    std::int64_t starts_max = 3;
  };
  ConfigKeeper(RevisionStore& revisions, const Clock& clock, const Options& options,
               ConfigActions actions);

  /// Which config the daemon starts with. A revision on probation that has been started too often,
  /// or that cannot be read any more, is rolled back. `file` is the config file, which is the first
  /// revision, and the next one when it has changed and no other way was used since. Once, before
  /// the rest; [owner].
  struct Start {
    v1::Config config;
    std::int64_t number = 0;
  };
  Result<Start> start(const std::string& file_document, const v1::Config& file);
  /// The daemon runs with what start() said.
  void started();
  /// It does not: the one before, or `why` when there is none.
  Result<Start> start_failed(const Status& why);

  /// Takes a config in; it takes effect with the next step(). Answers its number.
  /// `invalid_argument` when it does not pass, `failed_precondition` while another is on its way.
  Result<std::int64_t> submit(const std::string& document, const RevisionSource& source);
  /// Ends a probation, or takes in the document of an earlier revision again; 0: the one before.
  /// Answers the number of what is then in effect.
  Result<std::int64_t> roll_back(std::int64_t number);

  /// The config file says something else than what the daemon started with. Any thread.
  bool file_differs() const { return file_differs_; }

  /// Does what is due.
  void step();
  /// How long until step() has something to do by the passing of time.
  std::int64_t next_step_ns() const;

 private:
  enum class Doing { nothing, applying, probation };

  Status settle_interrupted();
  Result<Start> start_with(const ConfigRevision& revision);
  Result<Start> start_with_file(const std::string& document, const v1::Config& file);
  Result<std::int64_t> keep(const std::string& document, const RevisionSource& source,
                            RevisionState state);
  Status check_turn() const;
  /// Whether another one may begin.
  Status turn() const SLUICE_REQUIRES(mutex_);
  Status set_state(std::int64_t number, RevisionState state, const std::string& message);
  void doing(Doing what, std::int64_t number);
  void apply(std::int64_t number);
  void watch(std::int64_t number, bool is_aborted);
  void go_back(std::int64_t number, const std::string& why);
  void remember();

  RevisionStore& revisions_;
  const Clock& clock_;
  const Options options_;
  const ConfigActions actions_;
  Probation probation_;              ///< [owner]
  std::int64_t next_sample_ns_ = 0;  ///< [owner]

  std::atomic<bool> file_differs_{false};

  mutable Mutex mutex_;
  Doing doing_ SLUICE_GUARDED_BY(mutex_) = Doing::nothing;
  std::int64_t number_ SLUICE_GUARDED_BY(mutex_) = 0;  ///< of what it is doing
  bool abort_ SLUICE_GUARDED_BY(mutex_) = false;       ///< somebody wants the probation to end
};

}  // namespace sluice
