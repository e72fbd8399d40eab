#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/mutex.h"
#include "base/status.h"
#include "control/config_keeper.h"
#include "control/signed_config.h"
#include "control/trust_keeper.h"
#include "model/config_revision.h"
#include "sluice/v1/control.pb.h"

namespace sluice {

/// What a node does with the configs and keys that a hub offers (control.proto): judges them, hands
/// them to the keeper, and says what became of them.
///
/// An offer that is known, by its signed version or by the hub's number, and by its SHA-256, is
/// answered from the revisions and not applied again: the hub repeats it on each stream. Any
/// thread; offer() may take as long as a rehearsal.
class ConfigIntake {
 public:
  struct Options {
    Recipient recipient;
    bool takes_unsigned = false;
  };
  /// All but `options` are borrowed.
  ConfigIntake(Options options, TrustKeeper& trust, RevisionStore& revisions, ConfigKeeper& keeper,
               std::function<KnownTime()> known_time);

  /// Takes the place of an offer that waits.
  void offer(const v1::ConfigOffer& offer);
  /// Judges again what waits.
  void retry();
  bool waits() const;
  /// A key set; whether something that waits may pass now.
  void offer_keys(const std::string& chain);

  /// The config of a question what it would do: YAML. Its version and not-before do not count.
  Result<std::string> document_of(const v1::PlanOrder& order) const;

  v1::ConfigReport report() const;

 private:
  struct Judged {
    std::string document;
    RevisionSource source;
  };
  /// The state of an offer that became a revision is that of the revision.
  struct Outcome {
    std::uint64_t offer_id = 0;
    v1::OfferState state = v1::OFFER_STATE_UNSPECIFIED;
    std::string message;
    std::int64_t revision = 0;
  };

  Outcome judge(const v1::ConfigOffer& offer);
  Result<Judged> verify(const v1::ConfigOffer& offer) const;
  Result<Judged> verify_signed(const std::string& bytes, std::uint64_t offer_id) const;
  Result<std::int64_t> known_revision(const v1::ConfigOffer& offer) const;
  std::uint64_t highest_signed_version() const;
  v1::OfferOutcome outcome_message(const Outcome& outcome) const;

  const Options options_;
  TrustKeeper& trust_;
  RevisionStore& revisions_;
  ConfigKeeper& keeper_;
  const std::function<KnownTime()> known_time_;

  mutable Mutex mutex_;
  std::optional<v1::ConfigOffer> waiting_ SLUICE_GUARDED_BY(mutex_);
  std::optional<Outcome> outcome_ SLUICE_GUARDED_BY(mutex_);
};

}  // namespace sluice
