// Numbers the readings: the n-th one has the value n, and a million more for each version. Its
// state is n. Versions 1 and 2 understand each other's state; version 3 understands none.

#include "sluice_plugin.hpp"

namespace {

using namespace sluice::sdk;

#define SLUICE_TEXT_OF(x) #x
#define SLUICE_TEXT(x) SLUICE_TEXT_OF(x)

class Swap {
 public:
  static constexpr Metadata kMetadata{.name = "swap",
                                      .version = SLUICE_TEXT(SWAP_VERSION) ".0.0",
                                      .description = "Numbers the readings.",
                                      .config_schema = R"({"type":"object"})"};
  Swap(const Config&, Host) {}

  Verdict on_reading(const Reading& in, Call& call) {
    Reading out = in;
    out.set_value(static_cast<double>(++seen_) + 1e6 * (SWAP_VERSION - 1));
    return call.alter(out);
  }
  void snapshot(StateWriter& w) const { w.u64(seen_); }
  void restore(StateReader& r, std::string_view) {
    if (SWAP_VERSION == 3) throw std::invalid_argument("version 3 begins anew");
    seen_ = r.u64();
  }

 private:
  std::uint64_t seen_ = 0;
};

}  // namespace

SLUICE_PLUGIN(Swap)
