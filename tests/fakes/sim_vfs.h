#pragma once

#include <sqlite3.h>

#include <memory>

namespace sluice {

class SimDisk;

/// The VFS of a simulated disk: SQLite's calls and codes around SimDisk's operations, following
/// what its VFS for Linux answers. Borrows the disk and its name.
std::unique_ptr<sqlite3_vfs> make_sim_vfs(SimDisk& disk);

}  // namespace sluice
