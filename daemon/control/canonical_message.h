#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace google::protobuf {
class Message;
}

namespace sluice {

/// The one serialized form of a message: fields by number, map entries by key, nothing twice.
std::string canonical_bytes(const google::protobuf::Message& message);

/// Parses `bytes` into `message` if they are its one form and hold no field that we do not know, at
/// any depth. `what` begins the message of the `invalid_argument`, e.g. "the signed config".
Status parse_canonical(std::string_view bytes, const std::string& what,
                       google::protobuf::Message& message);

/// Whether the text is for people to read: UTF-8 (protobuf sees to that) without control
/// characters.
bool is_plain_text(std::string_view text);

}  // namespace sluice
