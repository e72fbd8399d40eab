#include "fault/tracer.h"

#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "e2e/site.h"

namespace sluice::fault {
namespace fs = std::filesystem;

std::map<ThreadName, pid_t> threads_of(pid_t process) {
  std::map<pid_t, std::string> names;
  std::error_code ignored;
  for (const auto& task :
       fs::directory_iterator("/proc/" + std::to_string(process) + "/task", ignored)) {
    std::ifstream comm(task.path() / "comm");
    std::string name;
    std::getline(comm, name);
    names[std::stoi(task.path().filename())] = name;
  }
  std::map<ThreadName, pid_t> threads;
  for (const auto& [id, name] : names) {
    unsigned place = 0;
    while (threads.count({name, place}) > 0) ++place;
    threads[{name, place}] = id;
  }
  return threads;
}

std::string KillPoint::to_string() const {
  const std::string who =
      thread.first.empty() ? "any" : thread.first + "#" + std::to_string(thread.second);
  return who + " " + syscall + " " + std::to_string(k);
}

const std::vector<std::string>& write_like() {
  static const std::vector<std::string> all = {"pwrite64", "write",     "writev",    "sendmsg",
                                               "sendto",   "fdatasync", "ftruncate", "unlink"};
  return all;
}

std::string tracing_refused(const std::string& folder) {
  if (e2e::run({"sh", "-c", "command -v strace"}).exit_code != 0) return "strace is not installed";
  e2e::Process sleeper({"sleep", "60"}, folder + "/sleeper.log");
  const std::string log = folder + "/strace-check.log";
  e2e::Process strace({"strace", "-p", std::to_string(sleeper.pid())}, log);
  const auto attached = [&] {
    return e2e::read_file(log).find("attached") != std::string::npos || !strace.running();
  };
  e2e::until(10, attached);
  const std::string said = e2e::read_file(log);
  strace.end(SIGTERM);
  return said.find("attached") != std::string::npos ? "" : "strace may not attach here: " + said;
}

std::vector<std::string> kill_at(const KillPoint& point) {
  return {"-e", "trace=" + point.syscall, "-e",
          "inject=" + point.syscall + ":signal=SIGKILL:when=" + std::to_string(point.k)};
}

Tracer::Tracer(pid_t task, bool all_threads, const std::vector<std::string>& options,
               const std::string& folder) {
  const std::string log = folder + "/tracer.log";
  fs::remove(log);
  std::vector<std::string> command = {"strace", "-p", std::to_string(task)};
  if (all_threads) command.emplace_back("-f");
  command.insert(command.end(), options.begin(), options.end());
  strace_ = e2e::Process(command, log);
  e2e::until(10, [&] {
    return e2e::read_file(log).find("attached") != std::string::npos || !strace_.running();
  });
}

void Tracer::end() { strace_.end(SIGTERM); }

std::vector<KillPoint> kill_points(const std::string& file,
                                   const std::map<ThreadName, pid_t>& threads) {
  std::map<pid_t, ThreadName> names;
  for (const auto& [name, id] : threads) names[id] = name;
  std::map<std::pair<ThreadName, std::string>, unsigned> calls;
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t space = line.find(' ');
    const std::size_t open = line.find('(');
    if (space == std::string::npos || open == std::string::npos || open < space) continue;
    const std::size_t word = line.find_first_not_of(' ', space);
    const std::string syscall = line.substr(word, open - word);
    if (std::find(write_like().begin(), write_like().end(), syscall) == write_like().end())
      continue;
    const auto known = names.find(std::atoi(line.c_str()));
    if (!threads.empty() && known == names.end()) continue;  // a thread that came later
    ++calls[{threads.empty() ? ThreadName() : known->second, syscall}];
  }
  std::vector<KillPoint> points;
  for (const auto& [where, count] : calls) {
    for (unsigned k = 1; k <= count; ++k) points.push_back({where.first, where.second, k});
  }
  return points;
}

}  // namespace sluice::fault
