#pragma once

#include <dlfcn.h>

#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "sluice_aggregate.h"
#include "testing/json_members.hpp"

namespace sluice::sdk::test {

/// The plugin broke the contract, or a call of it failed: the text says how.
class BrokenPromise final : public std::runtime_error {
  using std::runtime_error::runtime_error;
};
/// The plugin refused the config: the text is what the operator would see.
class BadConfig final : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A plugin file, loaded as the daemon loads it.
class Library {
 public:
  explicit Library(const std::string& path) {
    // dlopen() searches the system's folders for a name without a slash.
    const bool is_bare = path.find('/') == std::string::npos;
    handle_.reset(dlopen((is_bare ? "./" + path : path).c_str(), RTLD_NOW | RTLD_LOCAL));
    if (handle_ == nullptr) throw BrokenPromise(std::string("cannot be loaded: ") + dlerror());
    const auto entry =
        reinterpret_cast<sluice_plugin_entry_function>(dlsym(handle_.get(), SLUICE_PLUGIN_ENTRY));
    require(entry != nullptr, "exports no " SLUICE_PLUGIN_ENTRY);
    descriptor_ = entry();
    require(descriptor_ != nullptr, SLUICE_PLUGIN_ENTRY " returned NULL");
    check_descriptor();
    const std::string file = path.substr(path.find_last_of('/') + 1);
    require(file == std::string(descriptor_->name) + ".so", "the file is not called NAME.so");
    try {
      check_keywords(descriptor_->config_schema);
    } catch (const std::invalid_argument& e) {
      throw BrokenPromise(std::string("config_schema: ") + e.what());
    }
    if (descriptor_->get_extension == nullptr) return;
    aggregate_ = static_cast<const sluice_aggregate*>(descriptor_->get_extension(SLUICE_AGGREGATE));
    if (aggregate_ != nullptr) check_aggregate(*aggregate_);
  }
  const sluice_plugin_descriptor& descriptor() const { return *descriptor_; }
  /// Null when it supplies none.
  const sluice_aggregate* aggregate() const { return aggregate_; }

 private:
  static void require(bool kept, const std::string& what) {
    if (!kept) throw BrokenPromise(what);
  }
  static bool is_text(const char* text, std::size_t bytes_max) {
    return text != nullptr && *text != '\0' && strnlen(text, bytes_max + 1) <= bytes_max;
  }
  void check_descriptor() const {
    const sluice_plugin_descriptor& d = *descriptor_;
    require(d.abi == SLUICE_PLUGIN_ABI, "built for another SLUICE_PLUGIN_ABI");
    require(d.struct_size >= offsetof(sluice_plugin_descriptor, get_extension) + sizeof(void*),
            "the descriptor's struct_size is smaller than version 1");
    require(is_text(d.name, SLUICE_NAME_BYTES_MAX), "no name of 1..64 bytes");
    require(is_text(d.version, SLUICE_NAME_BYTES_MAX), "no version of 1..64 bytes");
    require(is_text(d.description, 1024), "no description of 1..1024 bytes");
    require(is_text(d.config_schema, SLUICE_SCHEMA_BYTES_MAX), "no config_schema");
    require(d.rule_count <= SLUICE_RULES_MAX && (d.rule_count == 0 || d.rules != nullptr),
            "more than 64 rules, or no list of them");
    for (std::uint32_t i = 0; i < d.rule_count; ++i) {
      require(is_word(d.rules[i]), "rule " + std::to_string(i) + " has no name of a-z 0-9 _");
      for (std::uint32_t j = 0; j < i; ++j) {
        require(std::string_view(d.rules[i]) != d.rules[j], "two rules have one name");
      }
    }
    require(d.create != nullptr && d.destroy != nullptr && d.process != nullptr,
            "create, destroy or process is NULL");
    require((d.snapshot == nullptr) == (d.restore == nullptr),
            "only one of snapshot and restore is there");
  }
  static void check_aggregate(const sluice_aggregate& a) {
    require(a.struct_size >= offsetof(sluice_aggregate, result) + sizeof(void*),
            "the aggregate's struct_size is smaller than version 1");
    require(is_text(a.description, 1024), "the aggregate has no description of 1..1024 bytes");
    require(is_text(a.config_schema, SLUICE_SCHEMA_BYTES_MAX), "it has no config_schema");
    try {
      check_keywords(a.config_schema);
      require(JsonMembers::of(a.config_schema).at("type") == "\"object\"", "it is of no object");
    } catch (const std::exception& e) {
      throw BrokenPromise(std::string("the aggregate's config_schema: ") + e.what());
    }
    require(a.result_count >= 1 && a.result_count <= SLUICE_AGGREGATE_RESULTS_MAX && a.results,
            "the aggregate has no list of 1..16 results");
    for (std::uint32_t i = 0; i < a.result_count; ++i) {
      const sluice_aggregate_result& result = a.results[i];
      require(is_word(result.name), "result " + std::to_string(i) + " has no name of a-z 0-9 _");
      require(result.unit != nullptr && strnlen(result.unit, 65) <= 64 && is_utf8(result.unit),
              "a result's unit is not 0..64 bytes of UTF-8");
      require(is_text(result.description, 512), "a result has no description of 1..512 bytes");
      for (std::uint32_t j = 0; j < i; ++j) {
        require(std::string_view(result.name) != a.results[j].name, "two results have one name");
      }
    }
    require(a.open && a.close && a.sizes && a.init && a.add && a.merge && a.save && a.restore &&
                a.result,
            "a function of the aggregate, not move_by, is NULL");
  }

 public:
  /// [a-z0-9_]{1,64}
  static bool is_word(const char* text) {
    if (!is_text(text, SLUICE_NAME_BYTES_MAX)) return false;
    return std::string_view(text).find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") ==
           std::string_view::npos;
  }

 private:
  struct Close {
    void operator()(void* handle) const { dlclose(handle); }
  };
  std::unique_ptr<void, Close> handle_;
  const sluice_plugin_descriptor* descriptor_ = nullptr;
  const sluice_aggregate* aggregate_ = nullptr;
};

}  // namespace sluice::sdk::test
