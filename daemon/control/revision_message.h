#pragma once

#include "model/config_revision.h"
#include "sluice/v1/config_revision.pb.h"

namespace sluice {

/// As the protos have it.
void put_revision(const ConfigRevision& revision, v1::ConfigRevision& out);

}  // namespace sluice
