#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/status.h"
#include "ingest/event_time.h"
#include "ingest/json_pointer.h"
#include "model/topic_pattern.h"

namespace sluice {

inline constexpr std::size_t kLabelValueBytesMax = 256;
inline constexpr std::size_t kMeasurementBytesMax = 128;

/// A declared field: where its value is within an item, and what it is called.
struct JsonField {
  std::string pointer;      ///< "" is the item itself, for items that are bare numbers
  std::string measurement;  ///< empty: the pointer's last part
  std::string unit;         ///< UCUM code; may be empty
};

/// A label taken from the item.
struct JsonLabel {
  std::string name;
  std::string pointer;
};

/// How the JSON payloads of one source become readings: the config's words (config.proto,
/// DecodeConfig), not yet checked.
struct JsonSource {
  std::string name;
  /// In the config's order: the first that takes a topic gives the labels.
  std::vector<TopicPattern> patterns;
  std::string
      items;  ///< pointer to an array of items; empty: the payload is one, or an array of them
  std::string time;  ///< pointer within an item; empty if and only if the format is `arrival`
  TimeFormat time_format = TimeFormat::arrival;
  std::vector<JsonField> fields;  ///< empty: every number and boolean at the item's top level
  std::vector<JsonLabel> labels;
};

/// The same, checked and with its pointers parsed.
struct DecodePlan {
  struct Field {
    JsonPointer pointer;
    std::string measurement;
    std::string unit;
  };
  struct Label {
    std::string name;
    JsonPointer pointer;
  };

  std::string source;
  std::vector<TopicPattern> patterns;
  JsonPointer items;
  JsonPointer time;
  TimeFormat time_format = TimeFormat::arrival;
  std::vector<Field> fields;
  std::vector<Label> labels;
  /// A field is the item itself, so items need not be objects.
  bool scalar_items = false;
  /// Members of the item's top level that are its time or a label, hence no readings.
  std::vector<std::string> not_measured;

  /// `invalid_argument` names the source and the key: a malformed pointer, a time without format or
  /// the reverse, a field without a proper measurement, two fields at one place or of one
  /// measurement and unit, a label whose name another label or a topic capture has.
  static Result<DecodePlan> make(const JsonSource& source);
};

/// Empty when `text` can name a measurement or be a label's value of at most `bytes_max` bytes,
/// else what is wrong: "is empty" is left to the caller.
std::string name_fault(std::string_view text, std::size_t bytes_max);

}  // namespace sluice
