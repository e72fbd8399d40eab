#include "node/daemon.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "control/config_service.h"
#include "node/compose.h"
#include "node/state_budget.h"

namespace sluice {
namespace {

Result<v1::Config> config_of(LoadResult loaded) {
  if (loaded.ok()) return std::move(loaded.config);
  std::string all;
  for (const ConfigError& error : loaded.errors) {
    all += (all.empty() ? "" : "\n") + error.to_string();
  }
  if (loaded.errors_left_out > 0) {
    all += "\nand " + std::to_string(loaded.errors_left_out) + " more";
  }
  return invalid_argument(all);
}

ConfigKeeper::Options keeper_options(const v1::Config& local) {
  ConfigKeeper::Options options;
  options.probation_ns = local.control().probation_ns();
  return options;
}

}  // namespace

Daemon::Daemon(std::string path, const LoadResult& file, std::unique_ptr<ConfigRevisions> revisions)
    : path_(std::move(path)),
      local_(file.config),
      environment_(process_environment()),
      trust_(clock_, read_kernel_sync, std::int64_t{SLUICE_BUILD_TIME_S} * 1'000'000'000,
             read_boot_id()),
      revisions_(std::move(revisions)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      keeper_(
          std::make_unique<ConfigKeeper>(*revisions_, clock_, keeper_options(local_), actions())),
      hub_(
          std::make_unique<HubControl>(local_, *revisions_, *keeper_, clock_, trust_,
                                       [this](const v1::PlanRequest& request, v1::PlanReport& out) {
                                         return plans_.plan(request, out);
                                       })) {}

/// Whoever waits for a rehearsal first.
Daemon::~Daemon() {
  stops_ = true;
  plans_.clear();
  hub_->stop();
  file_reader_ = Thread();
  node_.reset();
}

Result<std::unique_ptr<Daemon>> Daemon::start(const std::string& path, const LoadResult& file,
                                              const std::string& document) {
  auto revisions = ConfigRevisions::open(file.config.storage().dir());
  if (!revisions.ok()) return revisions.status();
  std::unique_ptr<Daemon> daemon(new Daemon(path, file, *std::move(revisions)));
  if (!daemon->wake_.valid()) return unavailable("no eventfd");
  if (Status s = daemon->start_node(document); !s.ok()) return s;
  daemon->hub_->start();
  return daemon;
}

Status Daemon::start_node(const std::string& document) {
  auto start = keeper_->start(document, local_);
  for (;;) {
    if (!start.ok()) return start.status();
    const Status s = start_anew(start->config);
    if (s.ok()) break;
    start = keeper_->start_failed(s);
  }
  keeper_->started();
  return {};
}

ConfigActions Daemon::actions() {
  return {.read = [this](const std::string& document,
                         RevisionOrigin origin) { return read(document, origin); },
          .check = [this](const std::string& document,
                          RevisionOrigin origin) { return check(document, origin); },
          .put_into_effect = [this](const v1::Config& next) { return put_into_effect(next); },
          .health = [this] { return node_ ? node_->health() : HealthSample(); },
          .wake_owner = [this] { ::eventfd_write(wake_.get(), 1); },
          .changed =
              [this] {
                if (hub_) hub_->poke();
              }};
}

// --- documents ---

LoadResult Daemon::load(const std::string& document, RevisionOrigin origin,
                        BudgetCheck budget) const {
  const bool is_from_afar = origin == RevisionOrigin::push;
  LoadResult loaded = load_document(document, is_from_afar ? "push" : path_,
                                    is_from_afar ? Environment() : environment_, local_);
  check_state_budget(loaded, budget);
  return loaded;
}

Result<v1::Config> Daemon::read(const std::string& document, RevisionOrigin origin) const {
  return config_of(load(document, origin, BudgetCheck::starts));
}

/// The rehearsal first: what crashes crashes there, and not when it is loaded here.
Result<v1::Config> Daemon::check(const std::string& document, RevisionOrigin origin) {
  LoadResult loaded = load(document, origin, BudgetCheck::takes_over);
  if (loaded.ok()) {
    if (Status s = rehearse(loaded, document); !s.ok()) return s;
    check_composition(loaded, clock_.wall_ns());
  }
  return config_of(std::move(loaded));
}

/// Where none can be made the probation must do.
Status Daemon::rehearse(const LoadResult& loaded, const std::string& document) {
  if (local_.control().rehearsal_ns() == 0) return {};
  v1::PlanRequest request;
  request.set_config_yaml(document);
  request.set_file_name(loaded.file_name);
  request.set_since_s(static_cast<std::uint32_t>(
      std::max<std::int64_t>(local_.control().rehearsal_ns() / 1'000'000'000, 1)));
  v1::PlanReport report;
  const Status s = plans_.plan(request, report);
  // Else it would be kept as a revision that never takes effect, and no offer of it be tried again.
  if (stops_) return unavailable("the daemon stops");
  if (s.code() == StatusCode::resource_exhausted) return s;
  if (!s.ok()) {
    log::warn("node", "a config is taken without a rehearsal", {{"reason", s.to_string()}});
    return {};
  }
  std::string why;
  for (const v1::PlanError& error : report.errors()) why += "\n" + error.message();
  for (const std::string& refusal : report.refusals()) why += "\n" + refusal;
  return why.empty() ? Status() : invalid_argument(why.substr(1));
}

v1::ConfigStatus Daemon::status() const {
  v1::ConfigStatus status = hub_->status();
  status.set_file_differs(keeper_->file_differs());
  status.set_revisions_rebuilt(revisions_->rebuilt());
  return status;
}

// --- in effect ---

Status Daemon::start_anew(const v1::Config& next) {
  plans_.clear();
  node_.reset();
  auto node = Node::start(
      next, trust_, {make_config_service(*keeper_, *revisions_), [this] { return status(); }});
  if (!node.ok()) return node.status();
  node_ = *std::move(node);
  plans_.set(node_->planner());
  running_ = next;
  return {};
}

Status Daemon::put_into_effect(const v1::Config& next) {
  const Status live =
      node_ ? node_->change_config(next) : Status(StatusCode::out_of_range, "no node runs");
  if (live.ok()) running_ = next;
  if (live.code() != StatusCode::out_of_range) return live;
  log::info("node", "starts anew, for the change reaches beyond pipelines");
  const v1::Config former = running_;
  Status s = start_anew(next);
  if (s.ok()) return s;
  const Status back = start_anew(former);
  if (!back.ok()) {
    log::error("node", "the former config cannot be started again", {{"error", back.to_string()}});
  }
  return s;
}

/// Its rehearsal takes long, and signals must be heard meanwhile.
void Daemon::read_file_again() {
  if (reads_file_.exchange(true)) {
    log::warn("node", "the config file is being read already: send SIGHUP again later");
    return;
  }
  file_reader_ = Thread("sl-file", [this] {
    take_file_again();
    reads_file_ = false;
  });
}

void Daemon::take_file_again() {
  hub_->reload_trust();
  const auto document = read_config_text(path_);
  const auto current = revisions_->current();
  if (document.ok() && current.ok() && *current && (*current)->document == *document) {
    log::info("node", "the config file says what is in effect");
    return;
  }
  const auto number = document.ok() ? keeper_->submit(*document, {RevisionOrigin::file})
                                    : Result<std::int64_t>(document.status());
  if (number.ok()) {
    log::info("node", "the config file was read again", {{"revision", *number}});
    return;
  }
  log::error("node", "the config file is not taken over", {{"error", number.status().to_string()}});
}

int Daemon::run(const sigset_t& signals) {
  const UniqueFd signal_fd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  for (;;) {
    pollfd fds[] = {{signal_fd.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
    const std::int64_t wait_ms = keeper_->next_step_ns() / 1'000'000 + 1;
    ::poll(fds, 2, static_cast<int>(std::min<std::int64_t>(wait_ms, 3'600'000)));
    eventfd_t woken = 0;
    static_cast<void>(::eventfd_read(wake_.get(), &woken));
    signalfd_siginfo info{};
    while (::read(signal_fd.get(), &info, sizeof info) == sizeof info) {
      if (info.ssi_signo != SIGHUP) return static_cast<int>(info.ssi_signo);
      read_file_again();
    }
    keeper_->step();
  }
}

}  // namespace sluice
