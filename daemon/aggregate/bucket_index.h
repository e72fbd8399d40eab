#pragma once

#include <cstdint>

namespace sluice {

/// Scales of the OpenTelemetry exponential histogram: base = 2^(2^-scale), bucket i holds
/// (base^i, base^(i+1)]. At 20 a bucket is 0.66 ppm wide; at -11 one bucket holds all numbers above
/// 1, another all below.
inline constexpr int kBucketScaleMax = 20;
inline constexpr int kBucketScaleMin = -11;

/// The bucket of a finite number > 0 (subnormals too).
///
/// In integers only, by repeated squaring of the mantissa: the same on every machine, where
/// a library's logarithm differs in its last bit and so would a bucket now and then. One squaring
/// per step of scale above 0. `bucket_index(v, s) >> 1 == bucket_index(v, s - 1)` holds for every
/// value and scale, which is what makes merging exact. Off by one only for a value that lies less
/// than 2^-60 (relative) above a boundary.
std::int32_t bucket_index(double magnitude, int scale);

/// base^index: the bucket's lower bound, which it does not hold. May be 0 or infinite at its ends.
double bucket_lower_bound(std::int32_t index, int scale);

/// The greatest relative error of `bucket_middle` for a value of the same bucket:
/// (base - 1) / (base + 1).
double bucket_relative_error(int scale);

/// The number that is within bucket_relative_error() of every value of the bucket.
double bucket_middle(std::int32_t index, int scale);

}  // namespace sluice
