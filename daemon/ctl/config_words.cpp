#include "ctl/config_words.h"

namespace sluice::ctl {

std::string config_state_text(v1::ConfigState state) {
  switch (state) {
    case v1::CONFIG_STATE_REFUSED: return "refused";
    case v1::CONFIG_STATE_APPLYING: return "applying";
    case v1::CONFIG_STATE_PROBATION: return "probation";
    case v1::CONFIG_STATE_APPLIED: return "applied";
    case v1::CONFIG_STATE_SUPERSEDED: return "superseded";
    case v1::CONFIG_STATE_ROLLED_BACK: return "rolled back";
    default: return "?";
  }
}

std::string config_origin_text(v1::ConfigOrigin origin) {
  switch (origin) {
    case v1::CONFIG_ORIGIN_FILE: return "file";
    case v1::CONFIG_ORIGIN_LOCAL: return "sluicectl";
    case v1::CONFIG_ORIGIN_PUSH: return "push";
    default: return "?";
  }
}

std::string offer_state_text(v1::OfferState state) {
  switch (state) {
    case v1::OFFER_STATE_WAITING: return "waiting";
    case v1::OFFER_STATE_APPLYING: return "applying";
    case v1::OFFER_STATE_APPLIED: return "applied";
    case v1::OFFER_STATE_FAILED: return "refused";
    case v1::OFFER_STATE_ROLLED_BACK: return "rolled back";
    case v1::OFFER_STATE_SUPERSEDED: return "superseded";
    case v1::OFFER_STATE_PROBATION: return "probation";
    default: return "?";
  }
}

}  // namespace sluice::ctl
