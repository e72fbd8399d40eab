#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "sluice/v1/hub.pb.h"

namespace sluice::e2e {

/// What a window should come out as, worked out in one go over all its values: no streaming, no
/// code of the product.
struct ExpectedWindow {
  std::vector<std::pair<std::int64_t, double>> values;  ///< event time ns, value
};

/// Pipeline, measurement, topic label value (site, room, device …), window start ns.
using WindowKey = std::tuple<std::string, std::string, std::string, std::int64_t>;
using Expected = std::map<WindowKey, ExpectedWindow>;

/// One pipeline over one topic, as plain data.
struct ReferencePipeline {
  std::string name;
  std::string label;  ///< value of the topic's label
  std::int64_t window_s = 0;
  std::int64_t max_out_of_order_s = 0;
};

/// Collects one pipeline's readings and gives the windows that must have closed: those that end at
/// or before the newest event time minus max_out_of_order.
class Reference {
 public:
  explicit Reference(ReferencePipeline pipeline) : pipeline_(std::move(pipeline)) {}
  /// A reading of the topic, whether kept by the filters or not: it moves the watermark.
  void saw(std::int64_t time_ns);
  void kept(const std::string& measurement, std::int64_t time_ns, double value);
  void add_to(Expected& expected) const;

 private:
  ReferencePipeline pipeline_;
  std::int64_t newest_ns_ = 0;
  std::vector<std::tuple<std::string, std::int64_t, double>> readings_;
};

/// Compares every summary with the reference, both ways.
void expect_equal(const Expected& expected, const std::vector<v1::SummaryRecord>& summaries);

/// The number after `"name":` in a flat JSON payload; false when it is not there.
bool number_in(const std::string& payload, const std::string& name, double& value);

}  // namespace sluice::e2e
