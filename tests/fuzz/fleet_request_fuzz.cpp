#include <cstddef>
#include <cstdint>
#include <string>

#include "base/assert.h"
#include "control/signed_config.h"
#include "hub/control_messages.h"
#include "hub/desired_config.h"

// What a node may send on its control stream and what anybody may push at the hub: whatever passes
// keeps its bounds, and says whom it is for.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace sluice;
  const std::string input(reinterpret_cast<const char*>(bytes), size);
  hub::NodeReport node;
  v1::ControlRequest request;
  if (request.ParseFromString(input)) {
    node.hello = request.hello();
    node.report = request.report();
    (void)hub::check_hello(node.hello);
    if (hub::check_report(node.report).ok()) SLUICE_ASSERT(node.report.ByteSizeLong() < 16u << 10);
  }
  v1::PushConfigRequest pushed;
  if (pushed.ParseFromString(input)) {
    const auto read = hub::take_push(pushed);
    if (read.ok()) {
      SLUICE_ASSERT(check_target(read->push.target()).ok());
      (void)hub::agreement_of(hub::desired_push({read->push}, node), node);
    }
  }
  pushed.set_signed_config(input);
  (void)hub::take_push(pushed);
  v1::PlanConfigRequest plan;
  if (plan.ParseFromString(input)) (void)hub::check_plan(plan);
  const auto statement = parse_signed_config(input);
  if (statement.ok()) SLUICE_ASSERT(check_statement(*statement).ok());
  (void)hub::key_set_version(input);
  return 0;
}
