#pragma once
#include <cmath>
#include <cstdint>

namespace scmoe {

/// ToInt32 of the ECMAScript specification: what storing a number in an Int32Array does.
inline int32_t toInt32(double value) {
  if (value >= -2147483648.0 && value <= 2147483647.0) return static_cast<int32_t>(value);
  if (!std::isfinite(value)) return 0;
  return static_cast<int32_t>(static_cast<uint32_t>(static_cast<int64_t>(std::fmod(value, 4294967296.0))));
}

/// Math.round: halves go up.
inline double jsRound(double value) {
  const double below = std::floor(value);
  return value - below >= 0.5 ? below + 1.0 : below;
}

/// Math.pow: as C's pow except where the exponent is NaN, or infinite under a base of 1 or -1.
inline float jsPow(float base, float exponent) {
  if (std::isnan(exponent) || (std::isinf(exponent) && std::fabs(base) == 1.0f)) return NAN;
  return std::pow(base, exponent);
}

}  // namespace scmoe
