#include "base/log.h"

#include <spdlog/async.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <chrono>
#include <map>

#include "base/mutex.h"

namespace sluice::log {
namespace {

constexpr auto kRepeatPeriod = std::chrono::seconds(10);
constexpr int kRepeatsMax = 10;
constexpr std::size_t kKeysMax = 512;  // distinct lines remembered; beyond it the table starts anew

std::atomic<Level> g_level{Level::info};
std::atomic<Format> g_format{Format::logfmt};
std::atomic<bool> g_stderr{false};

std::string_view level_name(Level level) {
  constexpr std::string_view kNames[] = {"debug", "info", "warn", "error"};
  return kNames[static_cast<std::size_t>(level)];
}

void append_escaped(std::string& out, std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  out.push_back('"');
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (u < 0x20 || u == 0x7F) {
      out += "\\u00";
      out.push_back(kHex[u >> 4]);
      out.push_back(kHex[u & 15]);
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

bool is_plain(std::string_view text) {
  if (text.empty()) return false;
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (u <= 0x20 || u == 0x7F || c == '"' || c == '=' || c == '\\') return false;
  }
  return true;
}

void append_field(std::string& out, Format format, std::string_view key, std::string_view value,
                  bool quoted) {
  if (format == Format::json) {
    out += out.size() > 1 ? "," : "";
    append_escaped(out, key);
    out.push_back(':');
    if (quoted)
      append_escaped(out, value);
    else
      out += value;
    return;
  }
  if (!out.empty()) out.push_back(' ');
  out += key;
  out.push_back('=');
  if (quoted && !is_plain(value))
    append_escaped(out, value);
  else
    out += value;
}

/// Counts equal lines per period. Returns -1 to stay silent, else how many were left out before.
int admit(std::string_view room, std::string_view message) {
  struct Entry {
    std::chrono::steady_clock::time_point since;
    int count = 0;
  };
  static Mutex mutex;
  static std::map<std::string, Entry> entries;
  MutexLock lock(mutex);
  if (entries.size() > kKeysMax) entries.clear();
  std::string key(room);
  key.push_back('\0');
  key += message;
  const auto now = std::chrono::steady_clock::now();
  Entry& entry = entries[key];
  if (now - entry.since > kRepeatPeriod) {
    const int left_out = entry.count > kRepeatsMax ? entry.count - kRepeatsMax : 0;
    entry = {now, 1};
    return left_out;
  }
  return ++entry.count > kRepeatsMax ? -1 : 0;
}

/// Asynchronous and dropping the oldest lines: a slow journal must not slow the pipeline.
std::shared_ptr<spdlog::logger> make_logger() {
  spdlog::init_thread_pool(1024, 1);
  spdlog::sink_ptr sink = std::make_shared<spdlog::sinks::stdout_sink_mt>();
  if (g_stderr) sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  auto logger = std::make_shared<spdlog::async_logger>(
      "sluice", sink, spdlog::thread_pool(), spdlog::async_overflow_policy::overrun_oldest);
  logger->set_level(spdlog::level::debug);
  logger->set_formatter(
      std::make_unique<spdlog::pattern_formatter>("%v", spdlog::pattern_time_type::utc));
  logger->flush_on(spdlog::level::debug);
  return logger;
}

std::string utc_now() {
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  const auto ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()) % 1000;
  std::tm tm{};
  gmtime_r(&seconds, &tm);
  char text[40];
  const std::size_t n = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
  std::snprintf(text + n, sizeof text - n, ".%03dZ", static_cast<int>(ms.count()));
  return text;
}

}  // namespace

void configure(Level level, Format format) {
  g_level = level;
  g_format = format;
}

void use_stderr() { g_stderr = true; }

std::string format_line(Format format, Level level, std::string_view room, std::string_view message,
                        Fields fields) {
  std::string line = format == Format::json ? "{" : "";
  append_field(line, format, "level", level_name(level), true);
  append_field(line, format, "room", room, true);
  append_field(line, format, "msg", message, true);
  for (const Field& field : fields) {
    append_field(line, format, field.key, field.value, field.quoted);
  }
  if (format == Format::json) line.push_back('}');
  return line;
}

void write(Level level, std::string_view room, std::string_view message, Fields fields) {
  if (level < g_level.load(std::memory_order_relaxed)) return;
  const int left_out = admit(room, message);
  if (left_out < 0) return;
  static const std::shared_ptr<spdlog::logger> logger = make_logger();
  const Format format = g_format.load(std::memory_order_relaxed);
  std::string line = format_line(format, level, room, message, fields);
  const std::string time = utc_now();
  const std::string repeats = std::to_string(left_out);
  if (format == Format::json) {
    line.pop_back();
    if (left_out > 0) line += ",\"left_out\":" + repeats;
    line = "{\"time\":\"" + time + "\"," + line.substr(1) + "}";
  } else {
    if (left_out > 0) line += " left_out=" + repeats;
    line = "time=" + time + " " + line;
  }
  logger->info("{}", line);
}

}  // namespace sluice::log
