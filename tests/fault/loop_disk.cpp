#include "fault/loop_disk.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "e2e/process.h"

namespace sluice::fault {
namespace {

/// From the kernel's fs/ext4/ext4.h, which no header installs.
constexpr unsigned long kShutdown = _IOR('X', 125, std::uint32_t);
constexpr std::uint32_t kWithoutLogFlush = 2;

int shell(const std::string& command) {
  return e2e::run({"sh", "-c", "PATH=$PATH:/usr/sbin:/sbin; exec 2>&1; " + command}).exit_code;
}

}  // namespace

LoopDisk::LoopDisk(const std::string& folder, int size_mib)
    : image_(folder + "/disk.img"), mount_point_(folder + "/disk") {
  if (getuid() != 0) {
    refused_ = "this needs root";
    return;
  }
  std::filesystem::create_directory(mount_point_);
  const e2e::Output made =
      e2e::run({"sh", "-c",
                "PATH=$PATH:/usr/sbin:/sbin; truncate -s " + std::to_string(size_mib) + "M " +
                    image_ + " && mkfs.ext4 -q -F " + image_ + " && losetup -f --show " + image_});
  device_ = made.text.substr(0, made.text.find('\n'));
  if (made.exit_code != 0 || device_.empty()) {
    refused_ = "no loop device with ext4 can be made here";
  } else if (!mount()) {
    refused_ = "ext4 cannot be mounted here: " + std::string(std::strerror(errno));
  } else if (!cut() || !remount()) {
    refused_ = "this kernel cannot shut an ext4 down: " + std::string(std::strerror(errno));
  }
}

LoopDisk::~LoopDisk() {
  if (device_.empty()) return;
  unmount();
  shell("losetup -d " + device_);
}

bool LoopDisk::mount() {
  return ::mount(device_.c_str(), mount_point_.c_str(), "ext4", 0, "errors=remount-ro") == 0;
}

bool LoopDisk::unmount() {
  return e2e::until(10, [this] { return umount(mount_point_.c_str()) == 0 || errno != EBUSY; });
}

bool LoopDisk::cut() {
  const int fd = open(mount_point_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  std::uint32_t how = kWithoutLogFlush;
  const bool done = ioctl(fd, kShutdown, &how) == 0;
  const int error = errno;
  close(fd);
  errno = error;
  return done;
}

bool LoopDisk::remount() { return unmount() && mount(); }

bool LoopDisk::break_it() {
  const std::string name = std::filesystem::path(device_).filename();
  std::ofstream trigger("/sys/fs/ext4/" + name + "/trigger_fs_error");
  trigger << "asked for by a test" << std::flush;
  return static_cast<bool>(trigger);
}

bool LoopDisk::repair() {
  if (!unmount()) return false;
  shell("e2fsck -fy " + device_);  // its exit code says what it mended
  return mount();
}

}  // namespace sluice::fault
