#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "control/admin_server.h"
#include "fakes/fake_node_view.h"
#include "unit/control/temp_dir.h"

namespace sluice::ctl {

/// The daemon's real admin server over a node whose answers the test writes.
class LocalDaemon {
 public:
  LocalDaemon() {
    v1::Status status;
    status.set_node("gw-1");
    status.set_ready(true);
    status.set_pid(42);
    status.set_messages_received(1000);
    view.set(status);
    start();
  }
  void start() {
    server.emplace(socket, view);
    const Status started = server->start();
    EXPECT_TRUE(started.ok()) << started.to_string();
  }
  void stop() { server.reset(); }

  TempDir dir;
  std::string socket = dir / "admin.sock";
  FakeNodeView view;
  std::optional<AdminServer> server;
};

}  // namespace sluice::ctl
