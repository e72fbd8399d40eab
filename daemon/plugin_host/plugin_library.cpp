#include "plugin_host/plugin_library.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "plugin_host/config_schema.h"
#include "plugin_host/elf_file.h"
#include "plugin_host/plugin_text.h"
#include "sluice_plugin.h"

namespace sluice {
namespace {

constexpr std::size_t kDescriptionBytesMax = 1024;
/// As far as version 1 of the contract goes.
constexpr std::size_t kDescriptorBytesMin = offsetof(sluice_plugin_descriptor, get_extension) +
                                            sizeof(sluice_plugin_descriptor::get_extension);

bool is_plugin_name(std::string_view name) {
  if (name.empty() || name.size() > SLUICE_NAME_BYTES_MAX || name.front() == '.') return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

/// Copies a text of 1..`bytes_max` bytes; false for NULL, "" and longer ones.
bool copy_text(const char* text, std::size_t bytes_max, std::string& out) {
  if (text == nullptr) return false;
  const std::size_t size = strnlen(text, bytes_max + 1);
  if (size == 0 || size > bytes_max) return false;
  out.assign(text, size);
  return true;
}

Result<std::vector<std::string>> plugin_names(const std::string& dir) {
  std::error_code error;
  std::vector<std::string> names;
  std::filesystem::directory_iterator it(dir, error);
  for (; !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
    if (it->path().extension() == ".so") names.push_back(it->path().stem().string());
  }
  if (error) return not_found("plugin folder " + dir + ": " + error.message());
  std::sort(names.begin(), names.end());
  return names;
}

Status no_such_plugin(const std::string& dir, const std::string& name) {
  const auto names = plugin_names(dir);
  if (!names.ok()) return names.status();
  std::string known;
  for (const std::string& other : *names) known += (known.empty() ? "" : ", ") + other;
  return not_found("no plugin \"" + name + "\": there is no " + dir + "/" + name +
                   ".so; the folder has: " + (known.empty() ? "none" : known));
}

}  // namespace

Result<std::unique_ptr<PluginLibrary>> PluginLibrary::open(const std::string& dir,
                                                           const std::string& name) {
  if (!is_plugin_name(name)) {
    return invalid_argument("plugin name \"" + name + "\": expected 1..64 of A-Z a-z 0-9 . _ -");
  }
  // Absolute, because dlopen() searches the system's folders for a name without a slash.
  const std::string path = std::filesystem::absolute(dir) / (name + ".so");
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return no_such_plugin(dir, name);
  std::ifstream file(path, std::ios::binary);
  if (Status s = check_elf_is_whole(file); !s.ok()) {
    return Status(s.code(), path + ": " + std::string(s.message()));
  }
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* why = dlerror();
    return failed_precondition(path + ": cannot be loaded: " + (why ? why : "no reason given"));
  }
  std::unique_ptr<PluginLibrary> library(new PluginLibrary(path, handle));
  if (Status s = library->read_descriptor(); !s.ok()) return s;
  if (Status s = library->read_metadata(name); !s.ok()) return s;
  return library;
}

PluginLibrary::~PluginLibrary() { dlclose(handle_); }

Status PluginLibrary::bad(const std::string& what) const {
  return failed_precondition(path_ + ": " + what);
}

Status PluginLibrary::read_descriptor() {
  const auto entry =
      reinterpret_cast<sluice_plugin_entry_function>(dlsym(handle_, SLUICE_PLUGIN_ENTRY));
  if (entry == nullptr) return bad("exports no " SLUICE_PLUGIN_ENTRY "; it is no Sluice plugin");
  descriptor_ = entry();
  if (descriptor_ == nullptr) return bad(SLUICE_PLUGIN_ENTRY " returned NULL");
  const sluice_plugin_descriptor& d = *descriptor_;
  if (d.abi != SLUICE_PLUGIN_ABI) {
    return bad("built for plugin ABI " + std::to_string(d.abi) + ", expected " +
               std::to_string(SLUICE_PLUGIN_ABI) + "; build it against this version's header");
  }
  if (d.struct_size < kDescriptorBytesMin) {
    return bad("its descriptor has " + std::to_string(d.struct_size) +
               " bytes, expected at least " + std::to_string(kDescriptorBytesMin) +
               " as in version 1; build it against its header or a later one");
  }
  if (d.create == nullptr || d.destroy == nullptr || d.process == nullptr) {
    return bad("create, destroy or process is NULL");
  }
  if ((d.snapshot == nullptr) != (d.restore == nullptr)) {
    return bad("it has only one of snapshot and restore");
  }
  return {};
}

Status PluginLibrary::read_metadata(const std::string& name) {
  const sluice_plugin_descriptor& d = *descriptor_;
  PluginMetadata& m = metadata_;
  if (!copy_text(d.name, SLUICE_NAME_BYTES_MAX, m.name))
    return bad("it has no name of 1..64 bytes");
  if (m.name != name) {
    return bad("it calls itself \"" + m.name + "\", expected \"" + name + "\" as the file's name");
  }
  if (!copy_text(d.version, SLUICE_NAME_BYTES_MAX, m.version)) {
    return bad("it has no version of 1..64 bytes");
  }
  if (!copy_text(d.description, kDescriptionBytesMax, m.description)) {
    return bad("it has no description of 1..1024 bytes");
  }
  if (!copy_text(d.config_schema, SLUICE_SCHEMA_BYTES_MAX, m.config_schema)) {
    return bad("it has no config_schema of 1..65536 bytes");
  }
  if (Status s = check_schema(m.config_schema); !s.ok()) {
    return bad("its config_schema: " + std::string(s.message()));
  }
  m.state_bytes_per_series = d.state_bytes_per_series;
  m.ordered = (d.flags & SLUICE_FLAG_ORDERED) != 0;
  m.ordered_by_config = d.ordered != nullptr;
  m.deterministic = (d.flags & SLUICE_FLAG_DETERMINISTIC) != 0;
  return read_rules();
}

Status PluginLibrary::read_rules() {
  const sluice_plugin_descriptor& d = *descriptor_;
  if (d.rule_count > SLUICE_RULES_MAX || (d.rule_count > 0 && d.rules == nullptr)) {
    return bad("it has " + std::to_string(d.rule_count) + " rules, expected at most 64 and a list");
  }
  std::vector<std::string>& rules = metadata_.rules;
  for (std::uint32_t i = 0; i < d.rule_count; ++i) {
    std::string rule;
    if (!copy_text(d.rules[i], SLUICE_NAME_BYTES_MAX, rule) || !is_word(rule)) {
      return bad("its rule " + std::to_string(i) + " has no name of 1..64 of a-z 0-9 _");
    }
    if (std::find(rules.begin(), rules.end(), rule) != rules.end()) {
      return bad("it has the rule \"" + rule + "\" twice");
    }
    rules.push_back(rule);
  }
  return {};
}

Result<std::vector<PluginFile>> list_plugins(const std::string& dir) {
  const auto names = plugin_names(dir);
  if (!names.ok()) return names.status();
  std::vector<PluginFile> files;
  for (const std::string& name : *names) {
    PluginFile file{dir + "/" + name + ".so", name, {}, {}};
    const auto library = PluginLibrary::open(dir, name);
    file.status = library.status();
    if (library.ok()) file.metadata = (*library)->metadata();
    files.push_back(std::move(file));
  }
  return files;
}

}  // namespace sluice
