#include "fakes/sim_disk.h"

#include <algorithm>
#include <atomic>
#include <set>
#include <utility>

#include "base/assert.h"
#include "fakes/sim_vfs.h"

namespace sluice {
namespace {

std::string directory_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

Status failure(std::string_view doing, const std::string& path) {
  return unavailable("the simulated disk cannot " + std::string(doing) + " " + path);
}

std::string next_name() {
  static std::atomic<int> count{0};
  return "sim-" + std::to_string(++count);
}

}  // namespace

SimDisk::SimDisk(std::uint64_t seed, Options options)
    : options_(options), random_(seed), name_(next_name()), vfs_(make_sim_vfs(*this)) {
  sqlite3_vfs_register(vfs_.get(), 0);
}

SimDisk::~SimDisk() {
  SLUICE_ASSERT(open_files_ == 0);
  sqlite3_vfs_unregister(vfs_.get());
}

void SimDisk::seed_sqlite(std::uint32_t seed) {
  // 0 would mean: by chance.
  sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED, static_cast<int>(seed | 1), nullptr);
}

void SimDisk::cut_power_after(std::uint64_t changes) {
  power_cut_ = true;
  down_ = changes == 0;
  down_at_change_ = changes_ + changes;
}

void SimDisk::kill_process_after(std::uint64_t changes) {
  cut_power_after(changes);
  power_cut_ = false;
}

void SimDisk::bring_up() {
  SLUICE_ASSERT(open_files_ == 0);
  if (power_cut_) {
    for (const NameChange& change : unsynced_names_) {
      if (chance(0.5)) apply(durable_, change);
    }
    unsynced_names_.clear();
    now_ = durable_;
    for (auto& [path, file] : now_) settle(*file);
  }
  down_ = power_cut_ = false;
  down_at_change_ = UINT64_MAX;
}

void SimDisk::fail(Fault fault, std::uint64_t first, std::uint64_t count) {
  fault_ = fault;
  fault_first_ = operations_ + first;
  fault_count_ = count;
}

void SimDisk::fail_by_chance(Fault fault, double chance) {
  fault_ = fault;
  fault_chance_ = chance;
}

SimDisk::Image SimDisk::image() const {
  SLUICE_ASSERT(open_files_ == 0);
  Image image;
  for (const auto& [path, file] : now_) image[path] = file->now;
  return image;
}

void SimDisk::load_image(const Image& image) {
  SLUICE_ASSERT(open_files_ == 0);
  now_.clear();
  unsynced_names_.clear();
  for (const auto& [path, bytes] : image) {
    now_[path] = std::make_shared<File>();
    now_[path]->now = now_[path]->durable = bytes;
  }
  durable_ = now_;
}

bool SimDisk::asked_to_fail(Kind kind) {
  if (fault_ == Fault::full && (kind == Kind::read || kind == Kind::sync)) return false;
  const bool now = operations_ >= fault_first_ && operations_ - fault_first_ < fault_count_;
  if (!now && !(fault_chance_ > 0 && chance(fault_chance_))) return false;
  ++faults_;
  return true;
}

SimDisk::Outcome SimDisk::enter(Kind kind) {
  if (down_) return Outcome::error;
  ++operations_;
  if (read_only_ && (kind == Kind::write || kind == Kind::name)) return Outcome::error;
  if (asked_to_fail(kind)) return fault_ == Fault::full ? Outcome::full : Outcome::error;
  if (kind == Kind::read || ++changes_ < down_at_change_) return Outcome::done;
  down_ = true;
  return Outcome::done_and_down;
}

std::uint64_t SimDisk::used_bytes() const {
  std::uint64_t bytes = 0;
  for (const auto& [path, file] : now_) bytes += file->now.size();
  return bytes;
}

SimDisk::Outcome SimDisk::write(File& file, std::size_t offset, std::string_view bytes) {
  const std::size_t end = offset + bytes.size();
  Outcome outcome = enter(Kind::write);
  const bool grows = end > file.now.size();
  if (outcome == Outcome::done && grows && options_.capacity_bytes > 0 &&
      used_bytes() + (end - file.now.size()) > options_.capacity_bytes) {
    outcome = Outcome::full;
  }
  const bool whole = outcome == Outcome::done || outcome == Outcome::done_and_down;
  // The beginning of a write that fails may be there. Not on a disk that is down or read-only.
  if (!whole && (down_ || read_only_)) return outcome;
  if (!whole) bytes = bytes.substr(0, below(bytes.size() + 1));
  if (outcome == Outcome::full) {
    bytes = bytes.substr(0, file.now.size() - std::min(offset, file.now.size()));
  }
  put(file, offset, bytes);
  return outcome;
}

SimDisk::Outcome SimDisk::truncate(File& file, std::size_t size) {
  const Outcome outcome = enter(Kind::write);
  if (outcome == Outcome::done || outcome == Outcome::done_and_down) resize(file, size);
  return outcome;
}

SimDisk::Outcome SimDisk::sync(File& file) {
  const Outcome outcome = enter(Kind::sync);
  if (outcome == Outcome::error && !down_) lose_dirty(file);
  if (outcome != Outcome::done) return outcome;
  if (options_.lying_syncs > 0 && chance(options_.lying_syncs)) return outcome;
  file.durable.resize(file.now.size());
  for (const Write& write : file.unsynced) {
    const std::size_t at = write.sector * kSector_bytes;
    if (at >= file.now.size()) continue;
    file.durable.replace(at, kSector_bytes, file.now, at, kSector_bytes);
  }
  file.unsynced.clear();
  file.sizes.clear();
  return outcome;
}

SimDisk::Outcome SimDisk::sync_names(const std::string& dir) {
  const Outcome outcome = enter(Kind::sync);
  if (outcome != Outcome::done) return outcome;
  if (options_.lying_syncs > 0 && chance(options_.lying_syncs)) return outcome;
  std::erase_if(unsynced_names_, [&](const NameChange& change) {
    const bool here = directory_of(change.to.empty() ? change.from : change.to) == dir;
    if (here) apply(durable_, change);
    return here;
  });
  return outcome;
}

SimDisk::Outcome SimDisk::change_name(NameChange change) {
  const Outcome outcome = enter(Kind::name);
  if (outcome != Outcome::done && outcome != Outcome::done_and_down) return outcome;
  apply(now_, change);
  unsynced_names_.push_back(std::move(change));
  return outcome;
}

void SimDisk::apply(Names& names, const NameChange& change) {
  if (!change.from.empty()) names.erase(change.from);
  if (!change.to.empty()) names[change.to] = change.file;
}

void SimDisk::put(File& file, std::size_t offset, std::string_view bytes) {
  if (bytes.empty()) return;
  const std::size_t end = offset + bytes.size();
  if (end > file.now.size()) resize(file, end);
  file.now.replace(offset, bytes.size(), bytes);
  for (std::size_t s = offset / kSector_bytes; s * kSector_bytes < end; ++s) {
    file.unsynced.push_back({s, file.now.substr(s * kSector_bytes, kSector_bytes)});
  }
}

void SimDisk::resize(File& file, std::size_t size) {
  if (size == file.now.size()) return;
  file.sizes.push_back(size);
  const std::size_t before = file.now.size();
  file.now.resize(size);
  // What was cut off reads as zeros if the file grows over it again.
  for (std::size_t s = size / kSector_bytes; s * kSector_bytes < before; ++s) {
    const std::size_t at = std::min(s * kSector_bytes, size);
    file.unsynced.push_back({s, file.now.substr(at, kSector_bytes)});
  }
}

/// What Linux does to the dirty pages of a sync that failed.
void SimDisk::lose_dirty(File& file) {
  file.durable.resize(std::max(file.durable.size(), file.now.size()));
  std::set<std::size_t> sectors;
  for (const Write& write : file.unsynced) sectors.insert(write.sector);
  for (const std::size_t sector : sectors) {
    const std::size_t at = sector * kSector_bytes;
    if (at >= file.now.size() || chance(0.5)) continue;
    file.durable.replace(at, kSector_bytes, file.now, at, kSector_bytes);
  }
  file.unsynced.clear();
}

std::string SimDisk::garbage(std::size_t size) {
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>(random_());
  return bytes;
}

std::string SimDisk::torn(const std::string& old_bytes, const std::string& new_bytes) {
  constexpr std::size_t kHalf = kSector_bytes / 2;
  const bool first_is_new = chance(0.5);
  const std::string& first = first_is_new ? new_bytes : old_bytes;
  const std::string& second = first_is_new ? old_bytes : new_bytes;
  return first.substr(0, kHalf) + second.substr(kHalf);
}

/// What the power cut leaves of a file.
void SimDisk::settle(File& file) {
  // Cuts differ: some lose everything that was not synced, some nothing.
  constexpr double kKept[] = {0, 0.1, 0.5, 0.9, 1};
  constexpr double kTorn[] = {0, 0.05, 0.3};
  const double kept = kKept[below(std::size(kKept))];
  const double torn_of_kept = kTorn[below(std::size(kTorn))];
  std::string left = file.durable;
  std::size_t size = left.size();
  if (!file.sizes.empty() && chance(kept)) size = file.sizes[below(file.sizes.size())];
  if (chance(kept) && !file.sizes.empty()) size = file.sizes.back();
  std::map<std::size_t, std::vector<const Write*>> sectors;
  for (const Write& write : file.unsynced) sectors[write.sector].push_back(&write);
  for (const auto& [sector, writes] : sectors) {
    const std::size_t at = sector * kSector_bytes;
    if (left.size() < at + kSector_bytes) left.resize(at + kSector_bytes);
    std::string bytes = left.substr(at, kSector_bytes);
    // A new sector that was lost shows what was there before: zeros, or what another file left.
    if (at >= file.durable.size() && chance(0.1)) bytes = garbage(kSector_bytes);
    if (chance(kept)) {
      const bool newest = chance(0.7);
      std::string version = writes[newest ? writes.size() - 1 : below(writes.size())]->bytes;
      version.resize(kSector_bytes);
      bytes = chance(torn_of_kept) ? torn(bytes, version) : version;
    }
    left.replace(at, kSector_bytes, bytes);
  }
  left.resize(size);
  file.now = file.durable = std::move(left);
  file.unsynced.clear();
  file.sizes.clear();
  file.locks.clear();
}

Status SimDisk::make_directory(const std::string& dir) {
  return enter(Kind::name) == Outcome::done ? Status() : failure("make the folder", dir);
}

/// Nobody else is on this disk.
void SimDisk::close_to_others(const std::string&) {}

bool SimDisk::exists(const std::string& path) {
  return enter(Kind::read) == Outcome::done && now_.contains(path);
}

Status SimDisk::create(const std::string& path) {
  const auto there = now_.find(path);
  const Outcome outcome = there != now_.end() ? truncate(*there->second, 0)
                                              : change_name({"", path, std::make_shared<File>()});
  return outcome == Outcome::done ? Status() : failure("make", path);
}

Status SimDisk::rename(const std::string& from, const std::string& to) {
  const auto file = now_.find(from);
  const bool known = file != now_.end();
  if (known && change_name({from, to, file->second}) == Outcome::done) return {};
  return failure("rename", from);
}

Status SimDisk::remove(const std::string& path) {
  if (!now_.contains(path)) return not_found("there is no " + path);
  if (change_name({path, "", nullptr}) == Outcome::done) return {};
  return failure("delete", path);
}

std::vector<std::string> SimDisk::list(const std::string& dir) {
  std::vector<std::string> names;
  if (enter(Kind::read) != Outcome::done) return names;
  for (const auto& [path, file] : now_) {
    if (directory_of(path) == dir) names.push_back(path.substr(dir.size() + 1));
  }
  return names;
}

Status SimDisk::sync_directory(const std::string& dir) {
  return sync_names(dir) == Outcome::done ? Status() : failure("sync the folder", dir);
}

}  // namespace sluice
