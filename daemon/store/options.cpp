#include "store/options.h"

#include <sys/random.h>

#include <fstream>

#include "base/assert.h"
#include "store/database_file.h"

namespace sluice::storage {

Status check(const StoreOptions& options) {
  if (options.quota_bytes < kQuotaMin_bytes) {
    return invalid_argument("the storage quota of " + std::to_string(options.quota_bytes) +
                            " bytes is below the least, 1 MiB");
  }
  if (options.checkpoint_bytes_max > options.quota_bytes / 4) {
    return invalid_argument("checkpoints may take a quarter of the storage quota at most");
  }
  if (!(options.raw_share >= 0 && options.raw_share <= 1)) {
    return invalid_argument("the share of segments in the storage quota must be 0 to 1");
  }
  return {};
}

std::string database_path(const StoreOptions& options) { return options.dir + "/sluice.sqlite"; }

FileSystem& files_of(const StoreOptions& options) {
  return options.files != nullptr ? *options.files : system_files();
}

std::uint64_t random_bits(const StoreOptions& options) {
  if (options.random) return options.random();
  std::uint64_t bits = 0;
  SLUICE_ASSERT(getentropy(&bits, sizeof bits) == 0);
  return bits;
}

std::string machine_id(const StoreOptions& options) {
  if (!options.machine_id.empty()) return options.machine_id;
  std::ifstream file("/etc/machine-id");
  std::string id;
  file >> id;
  return id;
}

}  // namespace sluice::storage
