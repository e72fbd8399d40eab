#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "schema/config_error.h"

namespace sluice::schema {

/// Where each key path of a config was written.
class KeyPlaces {
 public:
  void add(const std::string& key_path, const Place& place) { places_.emplace(key_path, place); }
  /// Of the key, or of the nearest section around it that was written.
  Place find(std::string_view key_path) const;
  bool has(const std::string& key_path) const { return places_.contains(key_path); }

 private:
  std::unordered_map<std::string, Place> places_;
};

}  // namespace sluice::schema
