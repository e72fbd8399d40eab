#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "model/reading.h"
#include "plugin_host/plugin_library.h"
#include "sluice_plugin.h"

namespace sluice {

/// What the daemon and a plugin's process say to each other. The process starts with `done` and the
/// plugin's metadata; then it answers each request with asks, each of which the daemon answers, and
/// in the end `done`. What comes from the process is never believed: every read_ function takes any
/// bytes, and answers `data_loss` for what it cannot read.
enum class HostMessage : std::uint64_t {
  // From the daemon.
  create = 1,
  process = 2,
  on_time = 3,
  snapshot = 4,
  restore = 5,
  answer = 6,
  // From the process.
  done = 16,
  ask_series = 17,
  ask_derive = 18,
};

/// The kind of a message; 0 when it has none.
HostMessage kind_of(std::string_view message);

struct TokenRange {
  std::uint64_t next = 1;      ///< of the next held reading
  std::uint64_t held_max = 0;  ///< so many may be held in this call
};

// --- from the daemon; borrowed from the message ---

void write_create(const std::string& config_json, std::string& out);
Result<std::string_view> read_create(std::string_view message);

/// The columns stay where they are in the message.
struct ProcessRequest {
  TokenRange tokens;
  sluice_batch batch{};
};
void write_process(const sluice_batch& batch, TokenRange tokens, std::string& out);
Result<ProcessRequest> read_process(std::string_view message);

struct TimeRequest {
  TokenRange tokens;
  std::int64_t watermark_ns = 0;
};
void write_on_time(std::int64_t watermark_ns, TokenRange tokens, std::string& out);
Result<TimeRequest> read_on_time(std::string_view message);

void write_snapshot(std::string& out);

struct RestoreRequest {
  std::string_view version;
  std::string_view state;
};
void write_restore(std::string_view version, std::string_view state, std::string& out);
Result<RestoreRequest> read_restore(std::string_view message);

/// `series`: as encode_series() wrote it; empty when there is none of this id.
struct HostAnswer {
  SeriesId id = 0;
  std::string_view series;
};
void write_answer(const HostAnswer& answer, std::string& out);
Result<HostAnswer> read_answer(std::string_view message);

// --- from the process ---

/// A line that the plugin logged.
struct PluginLogLine {
  std::uint32_t level = SLUICE_LOG_INFO;
  std::string text;
};
inline constexpr std::size_t kPluginLogLinesMax = 32;
inline constexpr std::size_t kPluginLogBytesMax = 512;

/// How a request ended.
struct HostDone {
  Status status;        ///< as PluginInstance has it
  std::string payload;  ///< what was asked for: see the request
  std::vector<PluginLogLine> log;
};
void write_done(const HostDone& done, std::string& out);
/// Texts are cut to a length fit for a log line.
Result<HostDone> read_done(std::string_view message);

/// Payload of the first `done`.
std::string encode_metadata(const PluginMetadata& metadata);
/// Read, but not checked: see check_metadata().
Result<PluginMetadata> decode_metadata(std::string_view bytes);

/// Payload after `create`.
struct InstanceTraits {
  bool ordered = false;
  bool wants_time = false;
  bool keeps_state = false;
};
std::string encode_traits(const InstanceTraits& traits);
Result<InstanceTraits> decode_traits(std::string_view bytes);

void write_ask_series(SeriesId id, std::string& out);
Result<SeriesId> read_ask_series(std::string_view message);

struct DeriveAsk {
  SeriesId base = 0;
  std::optional<std::string> measurement;
  std::optional<std::string> unit;
};
void write_ask_derive(const DeriveAsk& ask, std::string& out);
Result<DeriveAsk> read_ask_derive(std::string_view message);

}  // namespace sluice
