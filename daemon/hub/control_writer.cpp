#include "hub/control_writer.h"

#include <utility>

#include "base/log.h"

namespace sluice::hub {

ControlWriter::ControlWriter(ControlMailbox& mailbox, FleetStore& store, std::string node,
                             Stream stream)
    : mailbox_(mailbox),
      store_(store),
      node_(std::move(node)),
      stream_(std::move(stream)),
      thread_("hub-control", [this] { run(); }) {}

ControlWriter::~ControlWriter() { finish(std::chrono::milliseconds(0)); }

void ControlWriter::finish(std::chrono::milliseconds patience) {
  if (!thread_.joinable()) return;
  mailbox_.close();
  bool cancels = false;
  {
    MutexLock lock(mutex_);
    while (!has_ended_ && ended_.wait_for(mutex_, patience) == std::cv_status::no_timeout) {
    }
    cancels = !has_ended_;
  }
  if (cancels) stream_.cancel();
  thread_.join();
}

void ControlWriter::run() {
  bool is_over = false;
  while (!is_over) {
    const auto letter = mailbox_.take();
    if (!letter) break;
    if (Status s = write(*letter, is_over); !s.ok()) {
      // The node dials again, and gets what it did not get now.
      log::warn("hub", "cannot read what a node should have, its control stream ends",
                {{"node", node_}, {"why", s.to_string()}});
      stream_.cancel();
      break;
    }
  }
  MutexLock lock(mutex_);
  has_ended_ = true;
  ended_.notify_all();
}

Status ControlWriter::write(const ControlMailbox::Letter& letter, bool& is_over) {
  if (letter.keys) {
    auto keys = store_.keys();
    if (!keys.ok()) return keys.status();
    v1::ControlResponse response;
    response.mutable_keys()->set_chain(std::move(keys->chain));
    is_over = !stream_.write(response);
  }
  if (letter.offer_id != 0 && !is_over) {
    auto offer = store_.offer(letter.offer_id);
    if (!offer.ok()) return offer.status();
    if (*offer) {
      v1::ControlResponse response;
      *response.mutable_config() = std::move(**offer);
      is_over = !stream_.write(response);
    }
  }
  if (letter.plan != nullptr && !is_over) {
    v1::ControlResponse response;
    *response.mutable_plan() = *letter.plan;
    is_over = !stream_.write(response);
  }
  return {};
}

}  // namespace sluice::hub
