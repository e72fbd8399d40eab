#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "hub/sqlite.h"
#include "sluice/v1/control.pb.h"

namespace sluice::hub {

/// What a node said last on its control stream.
struct NodeReport {
  v1::ControlHello hello;
  v1::ConfigReport report;  ///< empty: none yet
  std::int64_t last_seen_ns = 0;

  bool has_report() const { return report.ByteSizeLong() > 0; }
};

/// A row per node. Writes into the transaction that its caller has open. Thread: that of the
/// database, which must outlive it.
class NodeReportTable {
 public:
  static Result<NodeReportTable> create(Database& database);

  /// In the place of what the node said before.
  Status put(const NodeReport& node);
  Status remove(const std::string& node);
  /// By name.
  Result<std::vector<NodeReport>> list();

 private:
  NodeReportTable() = default;

  Statement put_;
  Statement remove_;
  Statement list_;
};

}  // namespace sluice::hub
