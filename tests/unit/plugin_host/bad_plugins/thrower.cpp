#include <new>

#include "sluice_plugin.hpp"

namespace {

using namespace sluice::sdk;

/// Throws where its config says: the SDK must turn it into an answer.
class Thrower {
 public:
  static constexpr Metadata kMetadata{
      .name = "thrower",
      .version = "1",
      .description = "Throws.",
      .config_schema = R"({"type":"object","properties":{"at":{"type":"string","default":""}}})"};

  Thrower(const Config& config, Host) : at_(*config.string("at")) {
    fail_at("create");
    if (at_ == "config") throw std::invalid_argument("at: no such place");
  }
  Verdict on_reading(const Reading&, Call&) {
    fail_at("process");
    if (at_ == "number") throw 42;
    if (at_ == "memory") throw std::bad_alloc();
    return pass();
  }
  void on_time(std::int64_t, Call&) { fail_at("on_time"); }
  void snapshot(StateWriter& w) const {
    fail_at("snapshot");
    w.u64(7);
  }
  void restore(StateReader& r, std::string_view) {
    fail_at("restore");
    r.u64();
  }

 private:
  void fail_at(const char* place) const {
    if (at_ == place) throw std::runtime_error(std::string("thrown in ") + place);
  }
  std::string at_;
};

}  // namespace

SLUICE_PLUGIN(Thrower)
