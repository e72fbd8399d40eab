#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

#include "moments.hpp"

namespace {

using sluice::sdk::StateReader;
using sluice::sdk::StateWriter;
using sluice::shape::Moments;

std::string saved(const Moments& moments) {
  StateWriter w;
  moments.save(w);
  return w.bytes();
}

Moments restored(std::string_view bytes) {
  StateReader r(bytes);
  return Moments::restore(r);
}

}  // namespace

// Two states out of panes, then readings: what is taken comes back as the same bytes, and can be
// merged and added to.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  StateReader reader(std::string_view(reinterpret_cast<const char*>(data), size));
  try {
    Moments moments = Moments::restore(reader);
    if (saved(restored(saved(moments))) != saved(moments)) std::abort();
    moments.merge(Moments::restore(reader));
    for (;;) {
      const double value = reader.f64();
      if (std::isfinite(value)) moments.add(value);
    }
  } catch (const std::invalid_argument&) {
  } catch (const std::length_error&) {
  }
  return 0;
}
