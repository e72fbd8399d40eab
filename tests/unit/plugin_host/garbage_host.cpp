// Stands where sluice-plugin-host does and keeps no rule. The lie is the name of the plugin's file.

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <random>
#include <string>

#include "plugin_host/host_messages.h"
#include "plugin_host/shared_channel.h"

namespace {

using namespace sluice;

class Forever final : public Patience {
 public:
  Status go_on() override { return {}; }
  std::chrono::nanoseconds slice() const override { return std::chrono::nanoseconds(-1); }
};

struct Liar {
  SharedChannel channel;
  std::string lie;
  Forever forever;
  std::mt19937_64 random{std::random_device{}()};

  void send(const std::string& message) { (void)channel.send(message, forever).ok(); }
  void done(const std::string& payload, Status status = {}) {
    std::string out;
    write_done({std::move(status), payload, {}}, out);
    send(out);
  }
  std::string noise(std::size_t size) {
    std::string bytes(size, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    return bytes;
  }
  void hear() {
    std::string request;
    (void)channel.receive(request, std::size_t{1} << 30, forever).ok();
  }
};

/// The channel's memory as anybody with the descriptor can have it.
char* raw_memory() {
  return static_cast<char*>(::mmap(nullptr, 2 * (64 + SharedChannel::kLaneBytes),
                                   PROT_READ | PROT_WRITE, MAP_SHARED, 3, 0));
}

PluginMetadata metadata(const std::string& lie) {
  PluginMetadata m;
  m.name = lie;
  m.version = "1";
  m.description = "Lies.";
  m.config_schema = R"({"type":"object"})";
  m.rules = {"caught"};
  if (lie == "long_name") m.name.assign(100'000, 'x');
  if (lie == "bad_rule") m.rules = {"no word"};
  if (lie == "bad_schema") m.config_schema = std::string(70'000, '[');
  return m;
}

/// After it was asked to process.
void answer(Liar& liar) {
  const std::string& lie = liar.lie;
  char* memory = raw_memory();
  if (lie == "silence") ::pause();
  if (lie == "noise") liar.send(liar.noise(300'000));
  if (lie == "noise_record") liar.done(liar.noise(5'000));
  if (lie == "empty_record") liar.done("");
  if (lie == "huge_chunk") {
    auto* lane =
        reinterpret_cast<std::atomic<std::uint32_t>*>(memory + 64 + SharedChannel::kLaneBytes);
    lane[1] = UINT32_MAX;
    lane[0] = 1;
    ::pause();
  }
  if (lie == "endless") liar.send(std::string(std::size_t{100} << 20, 'x'));
  if (lie == "asks") {
    std::string ask;
    write_ask_series(4711, ask);
    for (;;) {
      liar.send(ask);
      liar.hear();
    }
  }
  if (lie == "half") {
    auto* lane =
        reinterpret_cast<std::atomic<std::uint32_t>*>(memory + 64 + SharedChannel::kLaneBytes);
    lane[1] = 100;
    lane[2] = 1;
    lane[0] = 1;
    ::_exit(0);
  }
  if (lie == "scribble") {
    for (;;) {
      const std::string bytes = liar.noise(4096);
      std::memcpy(memory + liar.random() % (2 * SharedChannel::kLaneBytes - 4096), bytes.data(),
                  bytes.size());
      memory[64 + SharedChannel::kLaneBytes] = 1;
    }
  }
  ::pause();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  std::string lie = argv[1];
  lie = lie.substr(lie.rfind('/') + 1);
  lie = lie.substr(0, lie.rfind('.'));
  auto channel = SharedChannel::attach(UniqueFd(3));
  if (!channel.ok()) return 2;
  Liar liar{*std::move(channel), lie, {}};
  if (lie == "noise_first") liar.send(liar.noise(1'000));
  if (lie == "noise_metadata") liar.done(liar.noise(1'000));
  if (lie == "gone") return 0;
  liar.done(encode_metadata(metadata(lie)));
  liar.hear();
  liar.done(lie == "noise_traits" ? liar.noise(100) : encode_traits({false, true, true}));
  for (;;) {
    liar.hear();
    answer(liar);
  }
}
