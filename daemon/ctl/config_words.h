#pragma once

#include <string>

#include "sluice/v1/config_revision.pb.h"
#include "sluice/v1/control.pb.h"

// Our words for what becomes of configs, in tables and sentences.

namespace sluice::ctl {

std::string config_state_text(v1::ConfigState state);
std::string config_origin_text(v1::ConfigOrigin origin);
std::string offer_state_text(v1::OfferState state);

}  // namespace sluice::ctl
