#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>

namespace sluice {

/// A folder that goes with its owner.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  const std::filesystem::path& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

/// A real broker on a free port of loopback, with an own folder.
class Mosquitto {
 public:
  /// `config` is added to the listener's lines; `@` in it stands for the folder.
  explicit Mosquitto(std::string config = "allow_anonymous true\n", bool tls = false);
  ~Mosquitto();

  std::uint16_t port() const { return port_; }
  std::string url(const std::string& host = "127.0.0.1") const;
  const TempFolder& folder() const { return folder_; }
  /// kill -9.
  void kill();
  /// After `kill`, on the same port.
  void start_again();

 private:
  bool spawn();

  TempFolder folder_;
  std::string config_;
  bool tls_;
  std::uint16_t port_ = 0;
  pid_t pid_ = -1;
};

void write_file(const std::string& path, const std::string& text);
/// Runs a command line; fails the test when it does.
void run_command(const std::string& command);
/// CA, a server certificate for `localhost` alone, a client certificate, and a second CA that
/// signed nothing here: ca.pem, server.pem, server.key, client.pem, client.key, other_ca.pem.
void make_certificates(const TempFolder& folder);

}  // namespace sluice
