#include "hub/stream_registry.h"

namespace sluice::hub {

Result<std::unique_ptr<StreamRegistry::Stream>> StreamRegistry::enter(
    std::function<void()> cancel) {
  MutexLock lock(mutex_);
  if (open_.size() >= streams_max_) {
    return resource_exhausted("the hub serves " + std::to_string(streams_max_) +
                              " streams at once and all are taken; try again later");
  }
  auto stream = std::unique_ptr<Stream>(new Stream(*this, std::move(cancel), clock_.boottime_ns()));
  open_.insert(stream.get());
  return stream;
}

StreamRegistry::Stream::~Stream() {
  MutexLock lock(registry_.mutex_);
  registry_.open_.erase(this);
  // After a takeover the entry is the newer stream's.
  const auto it = registry_.live_.find(node_);
  if (it != registry_.live_.end() && it->second == this) registry_.live_.erase(it);
}

Status StreamRegistry::Stream::greet(const NodeKey& node, const std::string& instance) {
  MutexLock lock(registry_.mutex_);
  SLUICE_ASSERT(!greeted_);
  const auto it = registry_.live_.find(node);
  if (it != registry_.live_.end() && it->second->instance_ != instance) {
    // Control streams are of a node, whatever its epoch.
    return already_exists("node " + node.node + (node.epoch.empty() ? "" : " epoch ") + node.epoch +
                          " is already connected as another process; if the image was cloned, "
                          "give this node its own name and a new epoch");
  }
  if (it != registry_.live_.end()) it->second->cancel_();
  registry_.live_[node] = this;
  greeted_ = true;
  node_ = node;
  instance_ = instance;
  return {};
}

bool StreamRegistry::is_connected(const NodeKey& node) const {
  MutexLock lock(mutex_);
  return live_.count(node) > 0;
}

void StreamRegistry::cancel_silent(std::chrono::milliseconds age) {
  const std::int64_t before_ns =
      clock_.boottime_ns() - std::chrono::duration_cast<std::chrono::nanoseconds>(age).count();
  MutexLock lock(mutex_);
  for (const Stream* stream : open_) {
    if (!stream->greeted_ && stream->since_ns_ <= before_ns) stream->cancel_();
  }
}

}  // namespace sluice::hub
