#include "store/epochs.h"

#include <string>
#include <string_view>
#include <utility>

#include "base/log.h"
#include "store/database_file.h"
#include "store/options.h"

namespace sluice::storage {
namespace {

constexpr std::string_view kEpochKey = "epoch";  // in databases of version 1
constexpr std::string_view kMachineKey = "machine_id";
constexpr std::string_view kFileKey = "file";

std::string random_epoch(const StoreOptions& options) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string epoch;
  for (int i = 0; i < 2; ++i) {
    const std::uint64_t bits = random_bits(options);
    for (int shift = 60; shift >= 0; shift -= 4) epoch.push_back(kHex[(bits >> shift) & 15]);
  }
  return epoch;
}

/// What is not known differs from nothing.
bool differ(const std::string& a, const std::string& b) {
  return !a.empty() && !b.empty() && a != b;
}

}  // namespace

Epochs::Epochs(const StoreOptions& options, Database& database)
    : options_(options), database_(database), meta_(database), table_(database) {}

Status Epochs::load(const std::function<Status()>& tell_rebuilt) {
  auto ranges = table_.load();
  if (!ranges.ok()) return ranges.status();
  auto machine = meta_.get(kMachineKey);
  if (!machine.ok()) return machine.status();
  auto file = meta_.get(kFileKey);
  if (!file.ok()) return file.status();
  ranges_ = *std::move(ranges);
  if (ranges_.empty()) return begin_first(*machine, tell_rebuilt);
  const std::string here = machine_id(options_);
  const std::string born = files_of(options_).birth_mark(database_path(options_));
  const bool other_machine = differ(*machine, here);
  const bool other_file = differ(*file, born);
  const bool other_name = current().node != options_.node;
  ends_ = other_machine || other_file || other_name;
  if (ends_) {
    log::warn("store", "the database was copied, moved or renamed: a new epoch begins",
              {{"other_machine", other_machine},
               {"other_file", other_file},
               {"node_before", current().node}});
    return {};
  }
  if ((!machine->empty() || here.empty()) && (!file->empty() || born.empty())) return {};
  Transaction transaction(database_);
  if (Status s = transaction.begin(); !s.ok()) return s;
  if (Status s = bind(); !s.ok()) return s;
  return transaction.commit();
}

/// Of a new database, or of one whose only epoch stood in meta.
Status Epochs::begin_first(const std::string& machine,
                           const std::function<Status()>& tell_rebuilt) {
  auto epoch_before = meta_.get(kEpochKey);
  if (!epoch_before.ok()) return epoch_before.status();
  ends_ = differ(machine, machine_id(options_));
  ranges_ = {{0, {options_.node, epoch_before->empty() ? random_epoch(options_) : *epoch_before}}};
  Transaction transaction(database_);
  if (Status s = transaction.begin(); !s.ok()) return s;
  if (Status s = table_.store(ranges_); !s.ok()) return s;
  // In this transaction, so that a kill at any moment since the renaming does not hide the loss.
  if (epoch_before->empty() && has_set_aside(files_of(options_), database_path(options_))) {
    if (Status s = tell_rebuilt(); !s.ok()) return s;
  }
  if (!ends_) {
    if (Status s = bind(); !s.ok()) return s;
  }
  return transaction.commit();
}

Status Epochs::bind() {
  if (Status s = meta_.put(kMachineKey, machine_id(options_)); !s.ok()) return s;
  return meta_.put(kFileKey, files_of(options_).birth_mark(database_path(options_)));
}

Epochs::Next Epochs::after(const End& end) const {
  EpochRanges ranges = ranges_;
  while (ranges.size() > 1 && (end.lowest_seq == 0 || ranges[1].first_seq <= end.lowest_seq)) {
    ranges.erase(ranges.begin());
  }
  const std::int64_t next_seq =
      end_epoch(ranges, {options_.node, random_epoch(options_)}, end.moves_from, end.next_seq,
                end.above_seq, static_cast<std::uint32_t>(random_bits(options_)), end.ended_rows);
  return {std::move(ranges), next_seq};
}

Status Epochs::store(const EpochRanges& ranges) {
  if (Status s = table_.store(ranges); !s.ok()) return s;
  return bind();
}

void Epochs::adopt(EpochRanges ranges) {
  ranges_ = std::move(ranges);
  ends_ = false;
}

}  // namespace sluice::storage
