#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>

namespace sluice::log {

enum class Level : std::uint8_t { debug, info, warn, error };
enum class Format : std::uint8_t { logfmt, json };

/// One `key=value` of a line. Values are escaped, so a newline in a topic cannot forge a line.
struct Field {
  std::string_view key;
  std::string value;
  bool quoted = true;  ///< false for numbers and booleans, which JSON writes bare
  Field(std::string_view k, std::string_view v) : key(k), value(v) {}
  Field(std::string_view k, const std::string& v) : key(k), value(v) {}
  Field(std::string_view k, const char* v) : key(k), value(v) {}
  Field(std::string_view k, bool v) : key(k), value(v ? "true" : "false"), quoted(false) {}
  template <typename T>
  requires std::is_arithmetic_v<T> Field(std::string_view k, T v)
      : key(k), value(std::to_string(v)), quoted(false) {}
};
using Fields = std::initializer_list<Field>;

/// Once, before other threads run. Lines go to stdout (journald); default is info in logfmt.
void configure(Level level, Format format);

/// Once, before the first line: lines go to stderr, for a program whose stdout is its answer.
void use_stderr();

/// Writes one line: time, level, `room`, `message`, fields. Any thread. A line with the same room
/// and message comes at most 10 times in 10 s; the next one after that says how many were left out.
void write(Level level, std::string_view room, std::string_view message, Fields fields = {});

inline void debug(std::string_view room, std::string_view message, Fields fields = {}) {
  write(Level::debug, room, message, fields);
}
inline void info(std::string_view room, std::string_view message, Fields fields = {}) {
  write(Level::info, room, message, fields);
}
inline void warn(std::string_view room, std::string_view message, Fields fields = {}) {
  write(Level::warn, room, message, fields);
}
inline void error(std::string_view room, std::string_view message, Fields fields = {}) {
  write(Level::error, room, message, fields);
}

/// The line without the time, for tests and for programs that print elsewhere.
std::string format_line(Format format, Level level, std::string_view room, std::string_view message,
                        Fields fields);

}  // namespace sluice::log
