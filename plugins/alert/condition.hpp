#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::alert {

/// What a condition asks of a reading.
struct Facts {
  double value = 0;
  std::optional<double> rate;  ///< per second; empty: not known
};

enum class Operator : std::uint8_t {
  greater,
  greater_or_equal,
  less,
  less_or_equal,
  equal,
  not_equal
};

struct Comparison {
  bool of_rate = false;
  Operator op = Operator::greater;
  double bound = 0;
  /// The rate is known, if it is of the rate.
  bool holds(const Facts& facts) const;
};

/// A test of one reading: comparisons of `value` and `rate` with numbers, joined by `and` and `or`,
/// of which `and` binds tighter, e.g. `value < 2 or value > 8 and rate > 0`. No parentheses.
class Condition {
 public:
  static constexpr std::size_t kComparisonsMax = 16;

  /// Throws std::invalid_argument that names `key`, the byte and what was expected there.
  static Condition parse(const std::string& key, std::string_view text);

  bool uses_rate() const { return uses_rate_; }
  /// Empty when it needs a rate that is not known.
  std::optional<bool> holds(const Facts& facts) const;
  /// The number of the first comparison that holds, of the first of all when none does.
  double threshold(const Facts& facts) const;

  const std::string& text() const { return text_; }
  /// Adds the numbers that values, or rates, are compared with.
  void add_bounds(bool of_rate, std::vector<double>& out) const;

 private:
  friend class ConditionParser;
  using AllOf = std::vector<Comparison>;

  std::string text_;
  std::vector<AllOf> any_of_;
  bool uses_rate_ = false;
};

/// Throws std::invalid_argument when `when` holds never or always, `clear_when` never, or both at
/// once: such an alert could not begin, or not end, or would do both with one reading. `clear_when`
/// may be null.
void check_conditions(const Condition& when, const Condition* clear_when);

/// The shortest text that reads back as this number.
std::string number_text(double v);

}  // namespace sluice::alert
