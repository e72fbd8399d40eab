#include "unit/ingest/mosquitto.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "unit/ingest/wire.h"

namespace sluice {

TempFolder::TempFolder() {
  std::string name = std::filesystem::temp_directory_path() / "sluice-ingest-XXXXXX";
  EXPECT_NE(::mkdtemp(name.data()), nullptr);
  path_ = name;
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void write_file(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

void run_command(const std::string& command) {
  ASSERT_EQ(std::system((command + " >/dev/null 2>&1").c_str()), 0) << command;
}

void make_certificates(const TempFolder& folder) {
  const std::string cd = "cd " + folder.path().string() + " && ";
  const std::string key = "openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes ";
  write_file(folder.file("san"), "subjectAltName=DNS:localhost\n");
  for (const std::string ca : {"ca", "other_ca"}) {
    run_command(cd + key + "-x509 -days 3 -subj /CN=" + ca + " -keyout " + ca + ".key -out " + ca +
                ".pem");
  }
  for (const std::string name : {"server", "client"}) {
    run_command(cd + key + "-subj /CN=" + name + " -keyout " + name + ".key -out " + name + ".csr");
    run_command(cd + "openssl x509 -req -days 3 -in " + name +
                ".csr -CA ca.pem -CAkey ca.key -CAcreateserial -out " + name + ".pem" +
                (name == "server" ? " -extfile san" : ""));
  }
}

Mosquitto::Mosquitto(std::string config, bool tls) : config_(std::move(config)), tls_(tls) {
  if (tls_) make_certificates(folder_);
  for (int attempt = 0; attempt < 20; ++attempt) {
    // The port is free now, and may be taken by the time the broker binds it: then try another.
    { const UniqueFd probe = wire::listen_on_loopback(&port_); }
    if (spawn()) return;
  }
  ADD_FAILURE() << "mosquitto does not start; see " << folder_.file("log");
}

Mosquitto::~Mosquitto() { kill(); }

std::string Mosquitto::url(const std::string& host) const {
  return (tls_ ? "mqtts://" : "mqtt://") + host + ":" + std::to_string(port_);
}

bool Mosquitto::spawn() {
  std::ostringstream lines;
  lines << "listener " << port_ << " 127.0.0.1\n"
        << "log_dest file " << folder_.file("log") << "\n"
        << "max_queued_messages 0\n";
  if (::geteuid() == 0) lines << "user root\n";
  for (const char c : config_) c == '@' ? lines << folder_.path().string() : lines << c;
  write_file(folder_.file("conf"), lines.str());
  const std::string conf = folder_.file("conf");
  pid_ = ::fork();
  if (pid_ == 0) {
    const int null = ::open("/dev/null", O_WRONLY);
    ::dup2(null, STDERR_FILENO);
    ::execlp("mosquitto", "mosquitto", "-c", conf.c_str(), nullptr);
    ::execl("/usr/sbin/mosquitto", "mosquitto", "-c", conf.c_str(), nullptr);
    ::_exit(127);
  }
  bool running = true;
  const bool listening = wire::eventually([&] {
    int status = 0;
    running = running && ::waitpid(pid_, &status, WNOHANG) == 0;
    return !running || wire::connect_to_loopback(port_).valid();
  });
  if (!running) pid_ = -1;
  return running && listening;
}

void Mosquitto::kill() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

void Mosquitto::start_again() { ASSERT_TRUE(spawn()); }

}  // namespace sluice
