#include "ctl/config_commands.h"

#include <chrono>
#include <thread>

#include "ctl/admin_client.h"
#include "ctl/json_print.h"
#include "schema/config_reader.h"

namespace sluice::ctl {
namespace {

constexpr auto kLook = std::chrono::milliseconds(200);
/// For so long a daemon that starts anew for the change may not answer.
constexpr int kAbsentLooksMax = 300;

template <typename Response>
void show(const LocalTarget& target, const Response& response,
          std::string (*text_of)(const Response&)) {
  put(target.json ? to_json(response) + "\n" : text_of(response));
}

Result<v1::ConfigRevision> ask_config(const LocalTarget& target, std::int64_t number) {
  auto client = AdminClient::connect(target.socket_path);
  if (!client.ok()) return client.status();
  return client->config(number);
}

/// A config that does not pass is the caller's: its errors are lines as `config validate` has them.
ExitCode refused(const Status& why) {
  if (why.code() == StatusCode::invalid_argument) {
    fail(invalid_argument("the config does not pass:\n" + std::string(why.message())));
    return kExitUsage;
  }
  return fail(why);
}

bool is_settled(v1::ConfigState state) {
  return state != v1::CONFIG_STATE_APPLYING && state != v1::CONFIG_STATE_PROBATION;
}

/// Tells each state that it gets into.
ExitCode follow(const LocalTarget& target, std::int64_t number) {
  v1::ConfigState told = v1::CONFIG_STATE_UNSPECIFIED;
  int absent = 0;
  for (;;) {
    const auto revision = ask_config(target, number);
    if (!revision.ok()) {
      // However a call ends when the daemon starts anew under it.
      const bool may_come_back = revision.status().code() != StatusCode::not_found;
      if (!may_come_back || ++absent > kAbsentLooksMax) return fail(revision.status());
      std::this_thread::sleep_for(kLook);
      continue;
    }
    absent = 0;
    if (revision->state() != told) show(target, *revision, config_state_line);
    told = revision->state();
    if (is_settled(told)) return told == v1::CONFIG_STATE_APPLIED ? kExitOk : kExitBadAnswer;
    std::this_thread::sleep_for(kLook);
  }
}

ExitCode follow_if(bool waits, const LocalTarget& target,
                   const Result<v1::ApplyConfigResponse>& answer) {
  if (!answer.ok()) return refused(answer.status());
  if (waits) return follow(target, answer->number());
  const auto revision = ask_config(target, answer->number());
  if (!revision.ok()) return fail(revision.status());
  show(target, *revision, config_state_line);
  return kExitOk;
}

}  // namespace

ExitCode apply_config(const LocalTarget& target, const std::string& file, bool waits) {
  const auto document = read_config_text(file);
  if (!document.ok()) {
    fail(invalid_argument(file + " " + std::string(document.status().message())));
    return kExitUsage;
  }
  auto client = AdminClient::connect(target.socket_path);
  if (!client.ok()) return fail(client.status());
  return follow_if(waits, target, client->apply_config(*document));
}

ExitCode roll_back_config(const LocalTarget& target, std::int64_t number, bool waits) {
  auto client = AdminClient::connect(target.socket_path);
  if (!client.ok()) return fail(client.status());
  return follow_if(waits, target, client->roll_back_config(number));
}

ExitCode show_config(const LocalTarget& target, std::int64_t number) {
  const auto revision = ask_config(target, number);
  if (!revision.ok()) return fail(revision.status());
  show(target, *revision, config_text);
  return kExitOk;
}

ExitCode show_config_history(const LocalTarget& target, std::uint32_t limit) {
  auto client = AdminClient::connect(target.socket_path);
  if (!client.ok()) return fail(client.status());
  const auto all = client->configs(limit);
  if (!all.ok()) return fail(all.status());
  show(target, *all, config_history_text);
  return kExitOk;
}

ExitCode diff_configs(const LocalTarget& target, std::int64_t from, std::int64_t to) {
  const auto old = ask_config(target, from);
  if (!old.ok()) return fail(old.status());
  const auto next = ask_config(target, to);
  if (!next.ok()) return fail(next.status());
  put(config_diff_text(*old, *next));
  return kExitOk;
}

}  // namespace sluice::ctl
