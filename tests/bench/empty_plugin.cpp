#include "sluice_plugin.hpp"

namespace {

using namespace sluice::sdk;

/// Lets all pass.
class Empty {
 public:
  static constexpr Metadata kMetadata{.name = "empty",
                                      .version = "1.0.0",
                                      .description = "Lets all pass.",
                                      .config_schema = R"({"type":"object"})"};
  Empty(const Config&, Host) {}
  Verdict on_reading(const Reading&, Call&) { return pass(); }
};

}  // namespace

SLUICE_PLUGIN(Empty)
