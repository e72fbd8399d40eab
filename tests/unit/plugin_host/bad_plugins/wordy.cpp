#include "sluice_plugin.hpp"

// Says much of each reading, and is not deterministic, so that all it says is recorded.

namespace {

using namespace sluice::sdk;

class Wordy {
 public:
  static constexpr Metadata kMetadata{.name = "wordy",
                                      .version = "1.0",
                                      .description = "Alters every reading.",
                                      .config_schema = R"({"type":"object"})",
                                      .deterministic = false};
  Wordy(const Config&, Host) {}
  Verdict on_reading(const Reading& in, Call& call) { return call.alter(in); }
};

}  // namespace

SLUICE_PLUGIN(Wordy)
