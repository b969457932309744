#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

namespace scmoe {

// Float32 functions without branches or calls, so that the compiler vectorises the loops they stand in. NaN gives NaN;
// infinities, overflow and underflow are as in the C library. Errors are measured by test/vector_math_test.cc.

namespace detail {
inline int32_t bitsOf(float x) {
  int32_t bits;
  std::memcpy(&bits, &x, 4);
  return bits;
}
inline float fromBits(int32_t bits) {
  float x;
  std::memcpy(&x, &bits, 4);
  return x;
}

/// e^x as 2^exponent (1 + less1).
struct Exponential {
  int32_t exponent;
  float less1;
};

/// Range reduction and polynomial of Cephes' expf (Moshier), for x whose exponent is that of a float32 or a little
/// less.
inline Exponential reduced(float x) {
  // Adding 1.5 * 2^23 rounds to the nearest integer and leaves it in the low bits.
  const float shifted = x * 1.44269504088896341f + 12582912.0f;
  const float n = shifted - 12582912.0f;
  const int32_t exponent = bitsOf(shifted) - 0x4b400000;
  float r = x - n * 0.693359375f;
  r -= n * -2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  return {exponent, p * r * r + r};
}
}  // namespace detail

/// e^x, at most 2 ulp.
inline float vexp(float x) {
  // Past these bounds the result is infinity or zero; written so that NaN passes through.
  x = x > 89.0f ? 89.0f : x;
  x = x < -104.0f ? -104.0f : x;
  const detail::Exponential e = detail::reduced(x);
  // 2^n in two factors: n runs from -150 (denormal results) to 128 (infinity).
  const int32_t half = e.exponent >> 1;
  return (e.less1 + 1.0f) * detail::fromBits((half + 127) << 23) * detail::fromBits((e.exponent - half + 127) << 23);
}

/// Natural logarithm, at most 2 ulp. Polynomial of Cephes' logf.
inline float vlog(float x) {
  const bool denormal = x < 1.17549435e-38f;
  const float scaled = denormal ? x * 8388608.0f : x;
  // Mantissa in [sqrt(1/2), sqrt(2)). Without a sign: that of a negative number has no room for the difference.
  const auto bits = static_cast<int32_t>(static_cast<uint32_t>(detail::bitsOf(scaled)) - 0x3f3504f3u);
  const float e = static_cast<float>(bits >> 23) - (denormal ? 23.0f : 0.0f);
  const float m = detail::fromBits((bits & 0x007fffff) + 0x3f3504f3) - 1.0f;
  const float z = m * m;
  float p = 7.0376836292e-2f;
  p = p * m - 1.1514610310e-1f;
  p = p * m + 1.1676998740e-1f;
  p = p * m - 1.2420140846e-1f;
  p = p * m + 1.4249322787e-1f;
  p = p * m - 1.6668057665e-1f;
  p = p * m + 2.0000714765e-1f;
  p = p * m - 2.4999993993e-1f;
  p = p * m + 3.3333331174e-1f;
  float y = p * m * z;
  y += e * -2.12194440e-4f;
  y -= 0.5f * z;
  y = m + y;
  y += e * 0.693359375f;
  const float infinity = std::numeric_limits<float>::infinity();
  y = x == infinity ? infinity : y;
  y = x == 0.0f ? -infinity : y;
  return x >= 0.0f ? y : std::numeric_limits<float>::quiet_NaN();
}

/// e^x - 1, at most 3 ulp: 2^n (e^r - 1) + (2^n - 1), with vexp's reduction and polynomial.
inline float vexpm1(float x) {
  // Below -20 the result rounds to -1, from 89 on it is infinity; written so that NaN passes through.
  float t = x > 89.0f ? 89.0f : x;
  t = t < -20.0f ? -20.0f : t;
  const detail::Exponential e = detail::reduced(t);
  // Half of it, for 2^128 is no number.
  const float half = detail::fromBits((e.exponent + 126) << 23);
  const float y = (half * e.less1 + (half - 0.5f)) * 2.0f;
  // Numbers that are their own result, -0 and those below the normal ones among them.
  return std::fabs(x) < 1e-8f ? x : y;
}

/// log(1 + x), at most 3 ulp: what 1 + x is rounded off by is made good (Kahan, as the HP-15C has it).
inline float vlog1p(float x) {
  const float u = 1.0f + x;
  const float y = vlog(u) * (x / (u - 1.0f));
  const float infinity = std::numeric_limits<float>::infinity();
  const float finite = u == 1.0f ? x : y;
  return x == infinity ? infinity : finite;
}

/// tanh(x), at most 3 ulp: Cephes' polynomial below 0.625, 1 - 2 / (e^2x + 1) above.
inline float vtanh(float x) {
  const float a = std::fabs(x);
  const float z = x * x;
  float p = -5.70498872745e-3f;
  p = p * z + 2.06390887954e-2f;
  p = p * z - 5.37397155531e-2f;
  p = p * z + 1.33314422036e-1f;
  p = p * z - 3.33332819422e-1f;
  const float small = p * z * x + x;
  const float large = std::copysign(1.0f - 2.0f / (vexp(2.0f * a) + 1.0f), x);
  return a < 0.625f ? small : large;
}

/// 1 / (1 + e^-x), at most 3 ulp.
inline float vsigmoid(float x) { return 1.0f / (1.0f + vexp(-x)); }

/// erf(x), at most 2 ulp: an odd polynomial below 0.93, 1 - e^polynomial above (minimax fits of N. Juffa).
inline float verf(float x) {
  const float a = std::fabs(x);
  // erf rounds to 1 from here on.
  const float t = a > 4.0f ? 4.0f : a;
  const float s = x * x;
  const float u = t * t;
  float r = -1.72853470e-5f * t + 3.83197126e-4f;
  r = r * u + (-3.88396438e-3f * t + 2.42546219e-2f);
  r = r * t - 1.06777877e-1f;
  r = r * t - 6.34846687e-1f;
  r = r * t - 1.28717512e-1f;
  r = r * t - t;
  const float large = std::copysign(1.0f - vexp(r), x);
  float p = -5.96761703e-4f;
  p = p * s + 4.99119423e-3f;
  p = p * s - 2.67681349e-2f;
  p = p * s + 1.12819925e-1f;
  p = p * s - 3.76125336e-1f;
  p = p * s + 1.28379166e-1f;
  const float small = p * x + x;
  return a > 0.927734375f || a != a ? large : small;
}

/// Distribution function of the standard normal, within 2e-7: 1/2 + x P(x²) / Q(x²), a minimax fit of our own on
/// [-5.5, 5.5], beyond which float32 has nothing between it and 0 or 1. Half the work of going through verf.
inline float vnormal(float x) {
  const float t = x > 5.5f ? 5.5f : x < -5.5f ? -5.5f : x;
  const float s = t * t;
  float p = 2.2931482490662347e-8f;
  p = p * s + 6.30149907010491e-6f;
  p = p * s + 1.6456599405501038e-4f;
  p = p * s + 4.6514347195625305e-3f;
  p = p * s + 3.3458173274993896e-2f;
  p = p * s + 3.989422619342804e-1f;
  float q = 1.1990309758402873e-6f;
  q = q * s + 7.216434460133314e-5f;
  q = q * s + 1.8606024095788598e-3f;
  q = q * s + 2.8415711596608162e-2f;
  q = q * s + 2.505336105823517e-1f;
  q = q * s + 1.0f;
  const float inside = 0.5f + t * p / q;
  const float below = x < -5.5f ? 0.0f : inside;
  return x > 5.5f ? 1.0f : below;
}

}  // namespace scmoe
