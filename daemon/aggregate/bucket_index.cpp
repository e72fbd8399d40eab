#include "aggregate/bucket_index.h"

#include <bit>
#include <cmath>
#include <limits>

namespace sluice {
namespace {

constexpr int kMantissaBits = 52;
constexpr int kExponentBias = 1023;
constexpr std::uint64_t kMantissaMask = (std::uint64_t{1} << kMantissaBits) - 1;

struct Wide {
  std::uint64_t high;
  std::uint64_t low;
};

/// v * v. 32-bit targets have no 128-bit integer.
Wide square(std::uint64_t v) {
  const std::uint64_t a = v >> 32;
  const std::uint64_t b = v & 0xFFFFFFFFu;
#ifdef __SIZEOF_INT128__
  __extension__ using Product = unsigned __int128;
  const Product product = static_cast<Product>(v) * v;
  (void)a, (void)b;
  return {static_cast<std::uint64_t>(product >> 64), static_cast<std::uint64_t>(product)};
#else
  const std::uint64_t middle = a * b;
  const std::uint64_t low = b * b;
  const std::uint64_t carry = (low >> 32) + ((middle & 0x7FFFFFFFu) << 1);
  return {a * a + (middle >> 31) + (carry >> 32), (carry << 32) | (low & 0xFFFFFFFFu)};
#endif
}

double base_exponent(std::int32_t index, int scale) {
  return std::ldexp(static_cast<double>(index), -scale);
}

}  // namespace

std::int32_t bucket_index(double magnitude, int scale) {
  const auto bits = std::bit_cast<std::uint64_t>(magnitude);
  std::uint64_t mantissa = bits & kMantissaMask;
  auto exponent = static_cast<std::int32_t>(bits >> kMantissaBits);
  if (exponent == 0) {  // subnormal: as if its leading one stood where a normal number has it
    const int shift = std::countl_zero(mantissa) - (63 - kMantissaBits);
    mantissa = (mantissa << shift) & kMantissaMask;
    exponent = 1 - shift;
  }
  exponent -= kExponentBias;
  if (mantissa == 0) {  // the only boundaries that are doubles: they belong to the bucket below
    return scale >= 0 ? exponent * (std::int32_t{1} << scale) - 1 : (exponent - 1) >> -scale;
  }
  if (scale <= 0) return exponent >> -scale;
  std::uint64_t m = (mantissa << (63 - kMantissaBits)) | (std::uint64_t{1} << 63);  // 1.63 bits
  std::int32_t index = exponent;
  for (int i = 0; i < scale; ++i) {
    const Wide squared = square(m);  // 2.126 bits: at least 2 when the top bit is set
    // Without a branch: the bits of a logarithm cannot be predicted.
    const std::uint64_t bit = squared.high >> 63;
    m = (squared.high << (1 - bit)) | ((squared.low >> 63) & (1 - bit));
    index = index * 2 + static_cast<std::int32_t>(bit);
  }
  return index;
}

double bucket_lower_bound(std::int32_t index, int scale) {
  return std::exp2(base_exponent(index, scale));
}

double bucket_relative_error(int scale) {
  const double base = std::exp2(std::ldexp(1.0, -scale));
  return 1 - 2 / (base + 1);
}

double bucket_middle(std::int32_t index, int scale) {
  // The harmonic mean of the bounds: as far from the lower one as from the upper, relative to each.
  const double lower = bucket_lower_bound(index, scale);
  const double inverse_base = std::exp2(-std::ldexp(1.0, -scale));
  return lower * 2 / (1 + inverse_base);
}

}  // namespace sluice
