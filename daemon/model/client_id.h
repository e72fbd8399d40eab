#pragma once

#include <string>

namespace sluice {

/// Of the second client that a source has for its health topic. ':' is in no name of a node or a
/// source, so no client id is this one by default; and brokers give it no meaning, as they do + and
/// # and / in their access rules.
inline std::string health_client_id(const std::string& client_id) { return client_id + ":health"; }

}  // namespace sluice
