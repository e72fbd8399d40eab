#pragma once

#include <string>
#include <string_view>

namespace google::protobuf {
class Message;
}

namespace sluice::ctl {

/// The message as one line of JSON, made for scripts, so its shape never depends on the values:
/// every field is there under its proto name, in the order of its number; repeated fields as
/// arrays, maps as objects sorted by key, a message that is not set as null. Integers are numbers,
/// also 64-bit ones; fixed64 (hashes) are strings of 16 hex digits, enums their names, bytes
/// base64. Doubles are the shortest text that reads back the same; NaN and infinities are strings
/// as in protobuf's own JSON.
std::string to_json(const google::protobuf::Message& message);

/// Appends the text in quotes. Control characters, also DEL and C1, are escaped; bytes that are no
/// UTF-8 become U+FFFD.
void append_json_string(std::string& out, std::string_view text);

}  // namespace sluice::ctl
