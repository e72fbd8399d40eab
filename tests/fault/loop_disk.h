#pragma once

#include <string>

namespace sluice::fault {

/// A real ext4 in a file, on a loop device of its own, mounted at a folder. Needs root.
class LoopDisk {
 public:
  /// `folder` holds image and mount point. Check refused() before anything else.
  LoopDisk(const std::string& folder, int size_mib);
  ~LoopDisk();
  LoopDisk(const LoopDisk&) = delete;
  LoopDisk& operator=(const LoopDisk&) = delete;

  /// Why there is no such disk here, as a sentence; empty when there is one.
  const std::string& refused() const { return refused_; }
  const std::string& mount_point() const { return mount_point_; }

  /// A power cut as the file system sees it: nothing more reaches the device, not even the journal.
  bool cut();
  /// After a cut, once nobody has a file open there: mounts it again, as a reboot would.
  bool remount();
  /// Makes the kernel find an error in the file system, upon which it turns read-only.
  bool break_it();
  /// Repairs with e2fsck and mounts again.
  bool repair();

 private:
  bool mount();
  bool unmount();
  std::string refused_;
  std::string image_;
  std::string mount_point_;
  std::string device_;
};

}  // namespace sluice::fault
