#pragma once

#include "base/status.h"

namespace sluice {

/// The descriptor of this process at the other end of `accepted`, a connection on loopback;
/// `permission_denied` when another process holds it. Borrowed: its owner may close it any time.
Result<int> find_own_peer(int accepted);

}  // namespace sluice
