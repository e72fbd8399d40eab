#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::alert {

/// A sentence with places for what is known when it is told, e.g. `{measurement} in {label.room} is
/// {value}`.
class MessageTemplate {
 public:
  /// Throws std::invalid_argument that names the bad place and those there are.
  explicit MessageTemplate(std::string_view text);

  enum class Place : std::uint8_t { text, measurement, value, threshold, when, since, label };
  /// What stands in a place; `name` is that of a label.
  using Lookup = std::function<std::string(Place place, const std::string& name)>;

  /// At most SLUICE_MESSAGE_BYTES_MAX bytes; what is longer ends with "...".
  std::string fill(const Lookup& lookup) const;

 private:
  void add_place(std::string_view name);
  std::vector<std::pair<Place, std::string>> parts_;
};

/// UTF-8 of at most `bytes_max` bytes, cut between two characters and then ending with "...".
std::string cut(std::string text, std::size_t bytes_max);

/// `2024-05-01T12:00:00Z`, with as many decimals as it needs. `time_ns` >= 0.
std::string utc_text(std::int64_t time_ns);

}  // namespace sluice::alert
