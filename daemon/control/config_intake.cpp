#include "control/config_intake.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/log.h"
#include "base/shown_text.h"
#include "control/revision_message.h"
#include "control/sha256.h"

namespace sluice {
namespace {

constexpr std::size_t kMessageBytesMax = 4096;

v1::OfferState state_of(RevisionState state) {
  switch (state) {
    case RevisionState::refused: return v1::OFFER_STATE_FAILED;
    case RevisionState::applying: return v1::OFFER_STATE_APPLYING;
    case RevisionState::probation: return v1::OFFER_STATE_PROBATION;
    case RevisionState::applied: return v1::OFFER_STATE_APPLIED;
    case RevisionState::superseded: return v1::OFFER_STATE_SUPERSEDED;
    case RevisionState::rolled_back: return v1::OFFER_STATE_ROLLED_BACK;
  }
  return v1::OFFER_STATE_UNSPECIFIED;
}

/// Whether to ask again later, as against refused for good.
bool may_pass_later(const Status& status) {
  return status.code() == StatusCode::unavailable ||
         status.code() == StatusCode::resource_exhausted;
}

Status check_document(const std::string& document) {
  if (document.empty()) return invalid_argument("the config that was pushed is empty");
  if (document.size() <= kConfigPayloadBytesMax) return {};
  return invalid_argument("the config that was pushed has " + std::to_string(document.size()) +
                          " bytes, at most " + std::to_string(kConfigPayloadBytesMax) +
                          " are allowed");
}

}  // namespace

ConfigIntake::ConfigIntake(Options options, TrustKeeper& trust, RevisionStore& revisions,
                           ConfigKeeper& keeper, std::function<KnownTime()> known_time)
    : options_(std::move(options)),
      trust_(trust),
      revisions_(revisions),
      keeper_(keeper),
      known_time_(std::move(known_time)) {}

// --- offers ---

void ConfigIntake::offer(const v1::ConfigOffer& offer) {
  {
    MutexLock lock(mutex_);
    waiting_ = offer;
    outcome_ = Outcome{offer.offer_id(), v1::OFFER_STATE_WAITING, "it is being judged", 0};
  }
  retry();
}

bool ConfigIntake::waits() const {
  MutexLock lock(mutex_);
  return waiting_.has_value();
}

void ConfigIntake::retry() {
  std::optional<v1::ConfigOffer> offer;
  {
    MutexLock lock(mutex_);
    offer = waiting_;
  }
  if (!offer) return;
  Outcome outcome = judge(*offer);
  const bool is_over = outcome.state != v1::OFFER_STATE_WAITING;
  if (is_over && outcome.revision == 0) {
    log::warn("control", "a config that was pushed is refused",
              {{"offer", offer->offer_id()}, {"reason", outcome.message}});
  }
  MutexLock lock(mutex_);
  if (!waiting_ || waiting_->offer_id() != offer->offer_id()) return;
  if (is_over) waiting_.reset();
  outcome_ = std::move(outcome);
}

ConfigIntake::Outcome ConfigIntake::judge(const v1::ConfigOffer& offer) {
  Outcome outcome{offer.offer_id(), v1::OFFER_STATE_FAILED, "", 0};
  const auto known = known_revision(offer);
  if (known.ok() && *known != 0) {
    outcome.revision = *known;
    outcome.state = v1::OFFER_STATE_APPLYING;
    return outcome;
  }
  const auto judged = known.ok() ? verify(offer) : known.status();
  if (!judged.ok()) {
    outcome.message = std::string(judged.status().message());
    if (may_pass_later(judged.status())) outcome.state = v1::OFFER_STATE_WAITING;
    return outcome;
  }
  const auto number = keeper_.submit(judged->document, judged->source);
  if (number.ok()) {
    outcome.revision = *number;
    outcome.state = v1::OFFER_STATE_APPLYING;
    // Should this fail or we be killed here, the revision says it still.
    if (judged->source.signed_version > 0) {
      static_cast<void>(trust_.raise_config_floor(judged->source.signed_version));
    }
    log::info("control", "a config was pushed",
              {{"offer", offer.offer_id()}, {"revision", *number}});
    return outcome;
  }
  outcome.message = std::string(number.status().message());
  const bool is_busy = number.status().code() == StatusCode::failed_precondition;
  if (is_busy || may_pass_later(number.status())) outcome.state = v1::OFFER_STATE_WAITING;
  return outcome;
}

Result<ConfigIntake::Judged> ConfigIntake::verify(const v1::ConfigOffer& offer) const {
  if (offer.has_signed_config()) return verify_signed(offer.signed_config(), offer.offer_id());
  if (!options_.takes_unsigned) {
    return Status(StatusCode::unauthenticated,
                  "nobody signed it, and this gateway takes signed configs only: sign it "
                  "(`sluicectl config sign`), or set control.unsigned_push in the gateway's file");
  }
  if (Status s = check_document(offer.document()); !s.ok()) return s;
  return Judged{offer.document(), {RevisionOrigin::push, 0, offer.offer_id()}};
}

Result<ConfigIntake::Judged> ConfigIntake::verify_signed(const std::string& bytes,
                                                         std::uint64_t offer_id) const {
  const auto config =
      trust_.verify(bytes, options_.recipient, highest_signed_version(), known_time_());
  if (!config.ok()) return config.status();
  return Judged{config->statement.payload(),
                {RevisionOrigin::push, config->statement.version(), offer_id}};
}

/// Of the offer, or 0. What is known was judged when it came: a key that was revoked since, or a
/// trust folder that cannot be read now, does not change what became of it.
Result<std::int64_t> ConfigIntake::known_revision(const v1::ConfigOffer& offer) const {
  std::uint64_t version = 0;
  std::string sha = sha256(offer.document());
  if (offer.has_signed_config()) {
    const auto config = parse_signed_config(offer.signed_config());
    if (!config.ok()) return 0;  // verify() says why
    version = config->version();
    sha = config->sha256();
  }
  const auto all = revisions_.list(std::numeric_limits<std::size_t>::max());
  if (!all.ok()) return all.status();
  for (const ConfigRevision& one : *all) {
    const bool is_same =
        version > 0 ? one.source.signed_version == version
                    : one.source.signed_version == 0 && one.source.offer_id == offer.offer_id();
    if (one.source.origin != RevisionOrigin::push || !is_same) continue;
    const auto whole = revisions_.get(one.number);
    if (whole.ok() && sha256(whole->document) == sha) return one.number;
  }
  return 0;
}

/// The floor's file may have missed the last one.
std::uint64_t ConfigIntake::highest_signed_version() const {
  const auto all = revisions_.list(std::numeric_limits<std::size_t>::max());
  std::uint64_t highest = 0;
  if (!all.ok()) return highest;
  for (const ConfigRevision& one : *all) highest = std::max(highest, one.source.signed_version);
  return highest;
}

void ConfigIntake::offer_keys(const std::string& chain) {
  const Status s = trust_.take(chain);
  if (s.ok()) return retry();
  if (s.code() == StatusCode::already_exists) return;
  log::warn("control", "a key set that was pushed is refused", {{"reason", s.to_string()}});
}

Result<std::string> ConfigIntake::document_of(const v1::PlanOrder& order) const {
  if (order.signed_config().empty()) {
    if (options_.takes_unsigned) return order.request().config_yaml();
    return Status(StatusCode::unauthenticated,
                  "nobody signed it, and this gateway tries signed configs only: sign it "
                  "(`sluicectl config sign`), or set control.unsigned_push in the gateway's file");
  }
  const auto config = trust_.read(order.signed_config());
  if (!config.ok()) return config.status();
  if (Status s = check_recipient(config->statement.target(), options_.recipient); !s.ok()) return s;
  return config->statement.payload();
}

// --- the report ---

v1::OfferOutcome ConfigIntake::outcome_message(const Outcome& outcome) const {
  v1::OfferOutcome out;
  out.set_offer_id(outcome.offer_id);
  out.set_state(outcome.state);
  out.set_revision(outcome.revision);
  std::string message = outcome.message;
  if (outcome.revision > 0) {
    const auto revision = revisions_.get(outcome.revision);
    if (revision.ok()) {
      out.set_state(state_of(revision->state));
      message = revision->message;
    }
  }
  out.set_message(std::string(utf8_head(message, kMessageBytesMax)));
  return out;
}

v1::ConfigReport ConfigIntake::report() const {
  v1::ConfigReport out;
  const auto current = revisions_.current();
  if (current.ok() && *current) {
    put_revision(**current, *out.mutable_in_effect());
    out.mutable_in_effect()->clear_document();
    out.set_sha256(sha256((*current)->document));
  }
  std::optional<Outcome> outcome;
  {
    MutexLock lock(mutex_);
    outcome = outcome_;
  }
  if (outcome) *out.mutable_last_offer() = outcome_message(*outcome);
  out.set_takes_signed_only(!options_.takes_unsigned);
  out.set_config_version(std::max(trust_.config_floor(), highest_signed_version()));
  out.set_key_set_version(trust_.key_set_version());
  if (!options_.takes_unsigned) {
    out.set_key_error(std::string(utf8_head(trust_.error(), kMessageBytesMax)));
  }
  return out;
}

}  // namespace sluice
