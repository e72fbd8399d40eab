#pragma once

#include <string>

#include "sluice/v1/signed_config.pb.h"

namespace sluice::ctl {

struct ShownKeySet {
  std::string file;
  v1::KeySetStatement statement;  ///< well formed
  std::string root_key_id;        ///< of the root that signed it
  std::string trust;              ///< a remark; may be empty
};

/// For people, or one line of JSON.
std::string key_set_text(const ShownKeySet& set, bool json);

/// Of a pair of files that was made: FILE and FILE.pub.
std::string new_key_text(const std::string& file, const std::string& key_id, bool json);

}  // namespace sluice::ctl
