#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice {

/// Why the JSON decoder refuses a message.
enum class RejectReason : std::uint8_t {
  empty,
  too_large,
  not_json,
  number_range,
  too_deep,
  duplicate_key,
  wrong_type,
  bad_time,
  missing_time,
  bad_label,
  missing_label,
  bad_measurement,
  no_readings,
  series_cap,
  unmatched_topic,
  bad_topic,
};

/// A reason as ledgers and operators see it. `name` is a cause of the durable ledger: never change
/// one that was released.
struct RejectReasonText {
  RejectReason reason;
  std::string_view name;
  std::string_view meaning;
};

/// All of them, in the order of the enum.
inline constexpr RejectReasonText kRejectReasons[] = {
    {RejectReason::empty, "empty", "no payload, or white space alone; clears a retained message"},
    {RejectReason::too_large, "too_large", "the payload is over limits.payload_bytes_max"},
    {RejectReason::not_json, "not_json", "not one JSON text (RFC 8259) in UTF-8"},
    {RejectReason::number_range, "number_range",
     "a number beyond 64 bits: no double (past 1.8e308), or an integer past 18446744073709551615"},
    {RejectReason::too_deep, "too_deep", "more than 64 levels of arrays and objects"},
    {RejectReason::duplicate_key, "duplicate_key", "an object has a key twice"},
    {RejectReason::wrong_type, "wrong_type", "an item or a declared field has another JSON type"},
    {RejectReason::bad_time, "bad_time",
     "the event time is not in the declared form, or lies outside 1970 to 2261"},
    {RejectReason::missing_time, "missing_time", "the declared event time is absent or null"},
    {RejectReason::bad_label, "bad_label",
     "a label's value is no string, number or boolean, over 256 bytes, or has control characters"},
    {RejectReason::missing_label, "missing_label", "a declared label is absent or null"},
    {RejectReason::bad_measurement, "bad_measurement",
     "a key that would name a measurement is empty, over 128 bytes, or has control characters"},
    {RejectReason::no_readings, "no_readings", "nothing in the payload is a reading"},
    {RejectReason::series_cap, "series_cap", "a new series or topic beyond limits.series_max"},
    {RejectReason::unmatched_topic, "unmatched_topic", "no pattern of the source takes the topic"},
    {RejectReason::bad_topic, "bad_topic", "the topic is over 1024 bytes or not UTF-8"},
};

constexpr std::string_view reject_reason_name(RejectReason reason) {
  return kRejectReasons[static_cast<std::size_t>(reason)].name;
}

}  // namespace sluice
