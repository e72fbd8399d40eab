#include "condition.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <stdexcept>
#include <utility>

namespace sluice::alert {

bool Comparison::holds(const Facts& facts) const {
  const double v = of_rate ? *facts.rate : facts.value;
  switch (op) {
    case Operator::greater: return v > bound;
    case Operator::greater_or_equal: return v >= bound;
    case Operator::less: return v < bound;
    case Operator::less_or_equal: return v <= bound;
    case Operator::equal: return v == bound;
    case Operator::not_equal: return v != bound;
  }
  return false;
}

/// One pass over the text; every method starts at the next byte and throws on bad text.
class ConditionParser {
 public:
  ConditionParser(const std::string& key, std::string_view text) : key_(key), text_(text) {}

  Condition condition() {
    Condition out;
    out.text_ = text_;
    do {
      Condition::AllOf all_of;
      do {
        if (++count_ > Condition::kComparisonsMax) fail("at most 16 comparisons");
        all_of.push_back(comparison());
        out.uses_rate_ = out.uses_rate_ || all_of.back().of_rate;
      } while (accept("and"));
      out.any_of_.push_back(std::move(all_of));
    } while (accept("or"));
    if (at_ < text_.size()) fail("\"and\", \"or\" or the end");
    return out;
  }

 private:
  [[noreturn]] void fail(const std::string& expected) const {
    throw std::invalid_argument(key_ + ": expected " + expected + " at byte " +
                                std::to_string(at_ + 1) + " of \"" + std::string(text_) +
                                "\"; it looks like: value < 2 or value > 8");
  }
  void skip_blanks() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }
  static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || c == '_'; }

  Comparison comparison() {
    Comparison out;
    out.of_rate = subject_is_rate();
    out.op = comparison_operator();
    out.bound = bound();
    return out;
  }
  bool subject_is_rate() {
    if (accept("value")) return false;
    if (accept("rate")) return true;
    fail("\"value\" or \"rate\"");
  }
  Operator comparison_operator() {
    constexpr std::pair<std::string_view, Operator> kOperators[] = {
        {">=", Operator::greater_or_equal},
        {"<=", Operator::less_or_equal},
        {"==", Operator::equal},
        {"!=", Operator::not_equal},
        {">", Operator::greater},
        {"<", Operator::less}};
    for (const auto& [symbol, op] : kOperators) {
      if (!text_.substr(at_).starts_with(symbol)) continue;
      at_ += symbol.size();
      skip_blanks();
      return op;
    }
    fail("one of > >= < <= == !=");
  }
  double bound() {
    if (accept("true")) return 1;
    if (accept("false")) return 0;
    double out = 0;
    const char* end = text_.data() + text_.size();
    const auto [stop, error] = std::from_chars(text_.data() + at_, end, out);
    if (error != std::errc() || !std::isfinite(out)) fail("a number, true or false");
    if (stop != end && is_letter(*stop)) fail("a number, true or false");
    at_ = static_cast<std::size_t>(stop - text_.data());
    skip_blanks();
    return out;
  }
  /// A whole word, and the blanks around it.
  bool accept(std::string_view word) {
    skip_blanks();
    const std::string_view rest = text_.substr(at_);
    if (!rest.starts_with(word)) return false;
    if (rest.size() > word.size() && is_letter(rest[word.size()])) return false;
    at_ += word.size();
    skip_blanks();
    return true;
  }

  const std::string& key_;
  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t count_ = 0;
};

Condition Condition::parse(const std::string& key, std::string_view text) {
  return ConditionParser(key, text).condition();
}

std::optional<bool> Condition::holds(const Facts& facts) const {
  if (uses_rate_ && !facts.rate) return std::nullopt;
  return std::any_of(any_of_.begin(), any_of_.end(), [&](const AllOf& all_of) {
    return std::all_of(all_of.begin(), all_of.end(),
                       [&](const Comparison& c) { return c.holds(facts); });
  });
}

double Condition::threshold(const Facts& facts) const {
  for (const AllOf& all_of : any_of_) {
    for (const Comparison& c : all_of) {
      if ((!c.of_rate || facts.rate) && c.holds(facts)) return c.bound;
    }
  }
  return any_of_.front().front().bound;
}

void Condition::add_bounds(bool of_rate, std::vector<double>& out) const {
  for (const AllOf& all_of : any_of_) {
    for (const Comparison& c : all_of) {
      if (c.of_rate == of_rate) out.push_back(c.bound);
    }
  }
}

namespace {

/// The numbers themselves, one between each two neighbours, and one beyond either end: what lies
/// between two of these answers every comparison alike.
std::vector<double> probes(std::vector<double> bounds) {
  std::sort(bounds.begin(), bounds.end());
  std::vector<double> out = bounds;
  for (std::size_t i = 1; i < bounds.size(); ++i) {
    out.push_back(bounds[i - 1] / 2 + bounds[i] / 2);
  }
  out.push_back(-HUGE_VAL);
  out.push_back(HUGE_VAL);
  return out;
}

/// Looks for facts of which `holds` is true.
class Search {
 public:
  Search(const Condition& when, const Condition* clear_when) {
    values_ = probes_of(false, when, clear_when);
    rates_ = probes_of(true, when, clear_when);
  }
  std::optional<Facts> find(const std::function<bool(const Facts&)>& holds) const {
    for (const double value : values_) {
      for (const double rate : rates_) {
        if (holds({value, rate})) return Facts{value, rate};
      }
    }
    return std::nullopt;
  }

 private:
  static std::vector<double> probes_of(bool of_rate, const Condition& when,
                                       const Condition* clear_when) {
    std::vector<double> bounds;
    when.add_bounds(of_rate, bounds);
    if (clear_when != nullptr) clear_when->add_bounds(of_rate, bounds);
    return probes(std::move(bounds));
  }
  std::vector<double> values_;
  std::vector<double> rates_;
};

}  // namespace

void check_conditions(const Condition& when, const Condition* clear_when) {
  const Search search(when, clear_when);
  const auto holds = [](const Condition& condition) {
    return [&condition](const Facts& facts) { return *condition.holds(facts); };
  };
  if (!search.find(holds(when))) {
    throw std::invalid_argument("when: \"" + when.text() + "\" can never hold");
  }
  if (!search.find([&](const Facts& facts) { return !*when.holds(facts); })) {
    throw std::invalid_argument("when: \"" + when.text() + "\" always holds");
  }
  if (clear_when == nullptr) return;
  if (!search.find(holds(*clear_when))) {
    throw std::invalid_argument("clear_when: \"" + clear_when->text() + "\" can never hold");
  }
  const auto both = search.find(
      [&](const Facts& facts) { return *when.holds(facts) && *clear_when->holds(facts); });
  if (!both) return;
  throw std::invalid_argument(
      "clear_when: must not hold together with when; at value " + number_text(both->value) +
      (when.uses_rate() || clear_when->uses_rate() ? " and rate " + number_text(*both->rate) : "") +
      " both do");
}

std::string number_text(double v) {
  char out[32];
  return {out, std::to_chars(out, out + sizeof out, v).ptr};
}

}  // namespace sluice::alert
