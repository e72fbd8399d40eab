#include "ctl/top_loop.h"

#include <algorithm>
#include <cstdio>
#include <optional>

#include "base/clock.h"
#include "ctl/admin_client.h"
#include "ctl/json_print.h"
#include "ctl/terminal.h"
#include "ctl/top_screen.h"

namespace sluice::ctl {
namespace {

// Short, since a key press waits behind a call.
constexpr int kTopTimeoutMs = 2000;
constexpr std::uint32_t kHubWindows = 500;

/// What a top looks at.
class TopView {
 public:
  virtual ~TopView() = default;
  /// Asks; whatever comes of it shows in the other functions.
  virtual Status ask(std::int64_t boottime_ns) = 0;
  virtual std::vector<ScreenLine> screen(const ScreenSize& size) const = 0;
  virtual std::string line() const = 0;
  virtual std::string json() const = 0;
};

class DaemonView final : public TopView {
 public:
  explicit DaemonView(const std::string& socket_path) : path_(socket_path), top_(socket_path) {}

  Status ask(std::int64_t boottime_ns) override {
    const Status asked = try_ask(boottime_ns);
    if (!asked.ok()) {
      client_.reset();
      top_.silence(std::string(asked.message()));
    }
    return asked;
  }
  std::vector<ScreenLine> screen(const ScreenSize& size) const override {
    return render(top_, size);
  }
  std::string line() const override { return plain_line(top_); }
  std::string json() const override { return to_json(*top_.status()); }

 private:
  Status try_ask(std::int64_t boottime_ns) {
    if (!client_) {
      auto client = AdminClient::connect(path_, kTopTimeoutMs);
      if (!client.ok()) return client.status();
      client_.emplace(std::move(*client));
    }
    const auto status = client_->status();
    if (!status.ok()) return status.status();
    top_.answer(boottime_ns, *status);
    v1::ListRecentSummariesRequest request;
    request.set_limit(top_.windows_wanted());
    const auto recent = client_->recent(request);
    if (!recent.ok()) return recent.status();
    top_.windows(*recent);
    return Status();
  }

  const std::string path_;
  std::optional<AdminClient> client_;
  NodeTop top_;
};

class HubView final : public TopView {
 public:
  HubView(HubClient client, const std::string& address)
      : client_(std::move(client)), top_(address) {}

  Status ask(std::int64_t boottime_ns) override {
    const Status asked = try_ask(boottime_ns);
    if (!asked.ok()) top_.silence(std::string(asked.message()));
    return asked;
  }
  std::vector<ScreenLine> screen(const ScreenSize& size) const override {
    return render(top_, size);
  }
  std::string line() const override { return plain_line(top_); }
  std::string json() const override { return to_json(last_); }

 private:
  Status try_ask(std::int64_t boottime_ns) {
    auto nodes = client_.nodes();
    if (!nodes.ok()) return nodes.status();
    last_ = *std::move(nodes);
    top_.answer(boottime_ns, last_);
    v1::ListSummariesRequest request;
    request.set_limit(kHubWindows);
    const auto page = client_.summaries(request);
    if (!page.ok()) return page.status();
    top_.windows(*page);
    return Status();
  }

  HubClient client_;
  HubTop top_;
  v1::ListNodesResponse last_;
};

/// Where a top shows what it sees.
class TopOutput {
 public:
  explicit TopOutput(const TopOptions& options) : options_(options) {
    if (!options.json && Terminal::available()) terminal_.emplace();
  }

  /// False when nobody can see it any more.
  bool show(const TopView& view, const Status& asked) {
    if (terminal_) return redraw(view);
    if (options_.json && !asked.ok()) {
      (void)fail(asked);
      return true;
    }
    put((options_.json ? view.json() : view.line()) + "\n");
    return std::fflush(stdout) == 0;
  }
  bool redraw(const TopView& view) {
    if (!terminal_) return true;
    ScreenSize size = terminal_->size();
    size.unicode = !options_.ascii;
    return terminal_->draw(view.screen(size));
  }
  bool interactive() const { return terminal_.has_value(); }
  void suspend() {
    if (terminal_)
      terminal_->suspend();
    else
      ::raise(SIGSTOP);
  }

 private:
  const TopOptions& options_;
  std::optional<Terminal> terminal_;
};

/// Waits for `until_ns`. False when it is time to stop.
bool wait_until(std::int64_t until_ns, const Clock& clock, Signals& signals, TopOutput& output,
                const TopView& view) {
  for (;;) {
    const std::int64_t left_ms = (until_ns - clock.boottime_ns() + 999'999) / 1'000'000;
    if (left_ms <= 0) return true;
    const int timeout_ms = static_cast<int>(std::min<std::int64_t>(left_ms, 3'600'000));
    switch (signals.wait(timeout_ms, output.interactive())) {
      case Wake::stop: return false;
      case Wake::suspend: output.suspend(); [[fallthrough]];
      case Wake::resize:
        if (!output.redraw(view)) return false;
        break;
      case Wake::timeout: break;
    }
  }
}

ExitCode run(TopView& view, Signals& signals, const TopOptions& options) {
  const SystemClock clock;
  const std::int64_t start_ns = clock.boottime_ns();
  const std::int64_t end_ns = start_ns + options.seconds * 1'000'000'000;
  bool answered = false;
  Status asked;
  {
    TopOutput output(options);
    for (std::int64_t next_ns = start_ns;;) {
      asked = view.ask(clock.boottime_ns());
      answered = answered || asked.ok();
      if (!output.show(view, asked)) break;
      if (options.seconds > 0 && clock.boottime_ns() >= end_ns) break;
      // A slow answer must not be followed by a burst of questions.
      next_ns = std::max(next_ns + options.interval_ns, clock.boottime_ns());
      if (options.seconds > 0) next_ns = std::min(next_ns, end_ns);
      if (!wait_until(next_ns, clock, signals, output, view)) break;
    }
  }
  return answered ? kExitOk : fail(asked);
}

}  // namespace

ExitCode top_node(const std::string& socket_path, const TopOptions& options) {
  Signals signals;
  DaemonView view(socket_path);
  return run(view, signals, options);
}

ExitCode top_hub(const HubAddress& hub, const TopOptions& options) {
  Signals signals;
  auto client = HubClient::make(hub, kTopTimeoutMs);
  if (!client.ok()) return fail(client.status());
  HubView view(std::move(*client), hub.address);
  return run(view, signals, options);
}

}  // namespace sluice::ctl
