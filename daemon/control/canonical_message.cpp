#include "control/canonical_message.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/message.h>
#include <google/protobuf/stubs/logging.h>

#include <algorithm>
#include <limits>

#include "base/assert.h"

namespace sluice {

std::string canonical_bytes(const google::protobuf::Message& message) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream out(&stream);
    out.SetSerializationDeterministic(true);
    SLUICE_ASSERT(message.SerializeToCodedStream(&out));
  }
  return bytes;
}

Status parse_canonical(std::string_view bytes, const std::string& what,
                       google::protobuf::Message& message) {
  // Or anybody can fill the log with protobuf's own words for text that is no UTF-8.
  const google::protobuf::LogSilencer silence;
  const bool parsed = bytes.size() <= static_cast<std::size_t>(std::numeric_limits<int>::max()) &&
                      message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
  if (!parsed) {
    return invalid_argument(what + " is damaged: it is no " + message.GetDescriptor()->name() +
                            " message; was it cut off or changed on its way?");
  }
  if (canonical_bytes(message) != bytes) {
    return invalid_argument(what +
                            " is not in its one form: something is written twice, out of order or "
                            "longer than needed; make it with sluicectl");
  }
  message.DiscardUnknownFields();
  if (canonical_bytes(message) != bytes) {
    return invalid_argument(what +
                            " has fields that this version does not know: it was made by a newer "
                            "sluicectl, or damaged; update this machine first");
  }
  return {};
}

bool is_plain_text(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7F;
  });
}

}  // namespace sluice
