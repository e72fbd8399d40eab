#include "ctl/plan_command.h"

#include "ctl/admin_client.h"
#include "ctl/format.h"
#include "ctl/json_print.h"
#include "ctl/plan_text.h"
#include "schema/config_reader.h"

namespace sluice::ctl {

Result<std::uint32_t> parse_plan_since(const std::string& since) {
  const Result<std::int64_t> since_ns = parse_duration(since);
  if (!since_ns.ok()) {
    return invalid_argument("--since " + std::string(since_ns.status().message()));
  }
  if (*since_ns < 1'000'000'000) {
    return invalid_argument("--since: expected at least 1s, got " + since);
  }
  return static_cast<std::uint32_t>(*since_ns / 1'000'000'000);
}

ExitCode show_plan(const std::string& file, const v1::PlanReport& plan, bool json) {
  put(json ? to_json(plan) + "\n" : plan_text(file, plan));
  if (!plan.errors().empty()) return kExitUsage;
  return plan.fits() ? kExitOk : kExitBadAnswer;
}

ExitCode plan_config(const LocalTarget& target, const std::string& file, const std::string& since) {
  const auto since_s = parse_plan_since(since);
  if (!since_s.ok()) return fail(since_s.status());
  v1::PlanRequest request;
  const Result<std::string> text = read_config_text(file);
  if (!text.ok()) return fail(invalid_argument(file + " " + std::string(text.status().message())));
  request.set_config_yaml(*text);
  request.set_file_name(file);
  request.set_since_s(*since_s);
  auto client = AdminClient::connect(target.socket_path, kPlanTimeoutMs);
  if (!client.ok()) return fail(client.status());
  const Result<v1::PlanReport> plan = client->plan(request);
  if (!plan.ok()) return fail(plan.status());
  return show_plan(file, *plan, target.json);
}

}  // namespace sluice::ctl
