#include "plugin_host/plugin_library.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <string_view>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/unique_fd.h"
#include "model/names.h"
#include "plugin_host/config_schema.h"
#include "plugin_host/elf_file.h"
#include "plugin_host/plugin_text.h"
#include "sluice_plugin.h"

namespace sluice {

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

namespace {

constexpr std::size_t kDescriptionBytesMax = 1024;
/// As far as version 1 of the contract goes.
constexpr std::size_t kDescriptorBytesMin = offsetof(sluice_plugin_descriptor, get_extension) +
                                            sizeof(sluice_plugin_descriptor::get_extension);

static_assert(kNameBytesMax == SLUICE_NAME_BYTES_MAX);

Status check_rules(const std::vector<std::string>& rules) {
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (!is_word(rules[i])) {
      return invalid_argument("its rule " + std::to_string(i) +
                              " has no name of 1..64 of a-z 0-9 _");
    }
    if (std::find(rules.begin(), rules.begin() + static_cast<std::ptrdiff_t>(i), rules[i]) !=
        rules.begin() + static_cast<std::ptrdiff_t>(i)) {
      return invalid_argument("it has the rule \"" + rules[i] + "\" twice");
    }
  }
  return {};
}

/// `is`: of the file, where it can be read.
Status check_file(const std::string& path, struct stat& is) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid() || ::fstat(fd.get(), &is) != 0) return {};  // dlopen() says why
  return check_elf_is_whole({static_cast<std::uint64_t>(is.st_size),
                             [&fd](std::uint64_t offset, void* out, std::size_t size) {
                               if (offset > INT64_MAX) return false;
                               return ::pread(fd.get(), out, size, static_cast<off_t>(offset)) ==
                                      static_cast<ssize_t>(size);
                             }});
}

/// dlopen() answers with what it has loaded under a name, though the file of that name may be
/// another by now. So each file has a spelling of its path for itself, from its inode, which stays
/// its own as long as it is loaded.
std::string own_spelling(const std::string& path, const struct stat& is) {
  ByteWriter identity;
  identity.fixed64(is.st_dev);
  identity.fixed64(is.st_ino);
  const std::uint64_t hash = hash64(identity.bytes());
  const std::size_t slash = path.rfind('/');
  std::string spelled = path.substr(0, slash + 1);
  for (int bit = 0; bit < 32; ++bit) spelled += (hash >> bit & 1) != 0 ? "./" : "/";
  return spelled + path.substr(slash + 1);
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

Result<std::string> plugin_path(const std::string& dir, const std::string& name) {
  if (!is_plugin_name(name)) {
    return invalid_argument("plugin name \"" + name + "\": expected 1..64 of A-Z a-z 0-9 . _ -");
  }
  // Absolute, because dlopen() searches the system's folders for a name without a slash.
  const std::string path = std::filesystem::absolute(dir) / (name + ".so");
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return no_such_plugin(dir, name);
  return path;
}

Status check_metadata(const PluginMetadata& m, const std::string& name) {
  if (!has_bytes(m.name, SLUICE_NAME_BYTES_MAX)) {
    return invalid_argument("it has no name of 1..64 bytes");
  }
  if (m.name != name) {
    return invalid_argument("it calls itself \"" + m.name + "\", expected \"" + name +
                            "\" as the file's name");
  }
  if (!has_bytes(m.version, SLUICE_NAME_BYTES_MAX)) {
    return invalid_argument("it has no version of 1..64 bytes");
  }
  if (!has_bytes(m.description, kDescriptionBytesMax)) {
    return invalid_argument("it has no description of 1..1024 bytes");
  }
  if (!has_bytes(m.config_schema, SLUICE_SCHEMA_BYTES_MAX)) {
    return invalid_argument("it has no config_schema of 1..65536 bytes");
  }
  if (Status s = check_schema(m.config_schema); !s.ok()) {
    return invalid_argument("its config_schema: " + std::string(s.message()));
  }
  if (Status s = check_rules(m.rules); !s.ok()) return s;
  return m.aggregate ? check_aggregate(*m.aggregate) : Status();
}

Result<std::unique_ptr<PluginLibrary>> PluginLibrary::open(const std::string& dir,
                                                           const std::string& name) {
  const Result<std::string> path = plugin_path(dir, name);
  if (!path.ok()) return path.status();
  return open_file(*path, name);
}

Result<std::unique_ptr<PluginLibrary>> PluginLibrary::open_file(const std::string& path,
                                                                const std::string& name) {
  struct stat is {};
  if (Status s = check_file(path, is); !s.ok()) {
    return Status(s.code(), path + ": " + std::string(s.message()));
  }
  const std::string spelled = own_spelling(path, is);
  void* handle = dlopen(spelled.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* error = dlerror();
    std::string why = error == nullptr ? "no reason given" : error;
    if (const std::size_t at = why.find(spelled); at != std::string::npos) {
      why.replace(at, spelled.size(), path);
    }
    return failed_precondition(path + ": cannot be loaded: " + why);
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
  m.name = copy_text(d.name, SLUICE_NAME_BYTES_MAX);
  m.version = copy_text(d.version, SLUICE_NAME_BYTES_MAX);
  m.description = copy_text(d.description, kDescriptionBytesMax);
  m.config_schema = copy_text(d.config_schema, SLUICE_SCHEMA_BYTES_MAX);
  m.state_bytes_per_series = d.state_bytes_per_series;
  m.ordered = (d.flags & SLUICE_FLAG_ORDERED) != 0;
  m.ordered_by_config = d.ordered != nullptr;
  m.deterministic = (d.flags & SLUICE_FLAG_DETERMINISTIC) != 0;
  if (d.rule_count > SLUICE_RULES_MAX || (d.rule_count > 0 && d.rules == nullptr)) {
    return bad("it has " + std::to_string(d.rule_count) + " rules, expected at most 64 and a list");
  }
  for (std::uint32_t i = 0; i < d.rule_count; ++i) {
    m.rules.push_back(copy_text(d.rules[i], SLUICE_NAME_BYTES_MAX));
  }
  const Result<const sluice_aggregate*> aggregate = find_aggregate(d);
  if (!aggregate.ok()) return bad(std::string(aggregate.status().message()));
  aggregate_ = *aggregate;
  if (aggregate_ != nullptr) m.aggregate = describe_aggregate(*aggregate_);
  const Status status = check_metadata(m, name);
  return status.ok() ? status : bad(std::string(status.message()));
}

}  // namespace sluice
