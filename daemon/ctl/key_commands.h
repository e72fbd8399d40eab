#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ctl/output.h"

// Making keys, and the key set of a fleet: the file `keys` that says who may sign configs. They
// work on files alone; a private key is read from its file and never shown. kExitUsage for files
// that are missing or do not fit the request, kExitBadAnswer for a key set that does not stand up.

namespace sluice::ctl {

struct KeyArguments {
  std::string file;              ///< a private key to make, or a key set
  std::string root_file;         ///< the root's private key
  std::vector<std::string> add;  ///< public key files
  std::vector<std::string> retire;
  std::vector<std::string> revoke;  ///< ids, or public key files
  std::vector<std::string> next_root_files;
  std::string comment;
  std::int64_t not_before_ns = 0;
  bool begins = false;  ///< there is no key set yet
  std::string trust_dir;
  bool json = false;
};

/// Makes FILE and FILE.pub; never writes over anything.
ExitCode generate_key(const KeyArguments& a);
/// Signs the next version of a key set: with more keys, fewer, another root.
ExitCode rotate_keys(const KeyArguments& a);
/// Signs the next version of a key set, in which keys are revoked for ever.
ExitCode revoke_keys(const KeyArguments& a);
/// What a key set, or a gateway's trust folder, says.
ExitCode show_keys(const KeyArguments& a);
/// Puts a key set into a trust folder, if a gateway with that folder would take it.
ExitCode install_keys(const KeyArguments& a);

}  // namespace sluice::ctl
