#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice {

/// Shortens overlong PUBLISH packets in the bytes that a broker sends.
///
/// With MQTT 3.1.1 a client cannot say what it takes, and Paho receives a packet whole, 256 MiB if
/// need be, before anybody may look at it. Such a packet reaches Paho with the end of its payload
/// gone and its length changed: as one message, to be rejected as too large and acknowledged.
/// All other bytes pass as they are, what is no MQTT too.
class PublishCutter {
 public:
  /// Of a packet's bytes behind its fixed header; more than the longest topic and its length take.
  explicit PublishCutter(std::uint32_t packet_bytes_max) : packet_bytes_max_(packet_bytes_max) {}

  /// Appends to `out` what is left of `in`, the next bytes of the stream.
  void feed(std::string_view in, std::string& out);

 private:
  void end_header(std::string& out);

  const std::uint32_t packet_bytes_max_;
  std::string header_;         ///< of the packet that begins, as far as it has come
  std::uint64_t to_pass_ = 0;  ///< bytes of the packet
  std::uint64_t to_drop_ = 0;  ///< then these
};

}  // namespace sluice
