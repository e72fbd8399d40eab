#pragma once

#include <simdjson.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/status.h"
#include "ingest/event_time.h"
#include "ingest/json_pointer.h"
#include "ingest/reject_reason.h"
#include "model/reading.h"

// What the decoder asks of a JSON value. Private to the room: this header brings simdjson along.

namespace sluice {

/// With its article, for sentences: "a string".
std::string_view type_name(simdjson::dom::element element);

/// Of numbers and booleans; nothing for other types.
std::optional<Value> value_of(simdjson::dom::element element);

/// Room for any number as text.
using NumberText = std::array<char, 32>;
/// Strings, numbers (shortest form that reads back the same) and booleans as text; nothing for
/// other types. Borrowed from the document or `buffer`.
std::optional<std::string_view> text_of(simdjson::dom::element element, NumberText& buffer);

/// What stands at `pointer` within `at`: nothing when there is no such place, or null in it.
std::optional<simdjson::dom::element> resolve(simdjson::dom::element at,
                                              const JsonPointer& pointer);

/// The time that `element` writes in `format`, which is not `arrival`; see event_time.h.
Result<std::int64_t> event_time_of(simdjson::dom::element element, TimeFormat format);

/// Why simdjson refused the document `payload`, with a sentence. Out of memory crashes, as
/// everywhere: rejecting would lose a good message.
std::pair<RejectReason, std::string> parse_fault(simdjson::error_code error,
                                                 std::string_view payload);

}  // namespace sluice
