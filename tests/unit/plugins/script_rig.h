#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "rig.h"
#include "sluice_plugin_test.hpp"

namespace sluice {

/// A text as JSON.
inline std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\x1b') {
      out += "\\u001b";
    } else {
      out += c;
    }
  }
  return out + "\"";
}

/// The config of a script; `more` are further members, e.g. `"on_error":"flag"`.
inline std::string script_config(std::string_view script, const std::string& more = "") {
  return "{\"script\":" + quoted(script) + (more.empty() ? "" : ",") + more + "}";
}

/// One instance of the real plugin, and two series for it.
struct ScriptBench : sdk::test::Bench {
  explicit ScriptBench(std::string_view script, const std::string& more = "")
      : Bench(std::string(PLUGIN_DIR) + "/script.so", script_config(script, more)) {}

  sdk::test::Answer run(std::uint32_t of, double seconds, double value) {
    return process({reading(of, seconds, value)});
  }
  /// The one word that a reading of `a` is answered with, each second.
  std::string word(double value = 1) { return run(a, ++now, value).words.at(0); }
  std::string last_log() const { return log().empty() ? "" : log().back(); }

  std::uint32_t a = series("temperature", "Cel", {{"room", "a"}});
  std::uint32_t b = series("temperature", "Cel", {{"room", "b"}});
  double now = 1'700'000'000;
};

/// The body of on_reading as a script.
inline std::string on_reading(const std::string& body) {
  return "function on_reading(r)\n" + body + "\nend";
}

}  // namespace sluice
