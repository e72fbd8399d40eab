#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

/// One thing that is wrong with a config: where, and what was expected there.
struct ConfigError {
  std::string file;      ///< as given by the caller, or the name of the environment variable
  int line = 0;          ///< from 1; 0: no place in a file
  int column = 0;        ///< from 1, in bytes
  std::string key_path;  ///< e.g. "pipelines[0].windows[0].tumbling"; empty: the file as a whole
  std::string message;   ///< a sentence without a full stop; one line

  /// `sluice.yaml:12:5: pipelines[0].name: expected …, got "…"`.
  std::string to_string() const;
};

namespace schema {

/// Where a value was written. A value from the environment has its variable instead of a line.
struct Place {
  int line = 0;
  int column = 0;
  std::string variable;
};

/// Everything wrong with one config, at most one error per key path, so that a value refused by
/// its type is not refused again by a rule about it.
class ErrorList {
 public:
  static constexpr std::size_t kErrorsMax = 50;

  explicit ErrorList(std::string file) : file_(std::move(file)) {}

  void add(const Place& place, std::string_view key_path, std::string message);
  bool empty() const { return errors_.empty(); }
  /// The first `kErrorsMax`, in the order of the file.
  std::vector<ConfigError> take();
  /// How many `take()` left out.
  std::size_t left_out() const { return left_out_; }

 private:
  std::string file_;
  std::vector<ConfigError> errors_;
  std::set<std::string, std::less<>> paths_;
  std::size_t left_out_ = 0;
};

/// The text in double quotes for a message: control characters escaped, cut after 60 bytes.
std::string quote(std::string_view text);

/// Joins with ", ".
std::string join(const std::vector<std::string>& words);

/// The candidate closest to what was written, when it is close enough to be a slip; else empty.
std::string nearest(std::string_view written, const std::vector<std::string>& candidates);

/// ` (did you mean "x"?)`, or empty.
std::string did_you_mean(std::string_view written, const std::vector<std::string>& candidates);

}  // namespace schema
}  // namespace sluice
