#pragma once

#include <functional>
#include <string>
#include <thread>

namespace sluice {

/// A named thread that is joined when it goes. The name (<= 15 characters) shows in top and gdb.
class Thread {
 public:
  Thread() = default;
  Thread(std::string name, std::function<void()> body);
  Thread(Thread&&) = default;
  Thread& operator=(Thread&& other) noexcept;
  ~Thread();
  /// Waits for the body to return. The owner has told it to stop by then.
  void join();
  bool joinable() const { return thread_.joinable(); }

 private:
  std::thread thread_;
};

}  // namespace sluice
