#pragma once
#include <cmath>
#include <cstdint>

#include "cpu/simd.h"

#if defined(__AVX512F__)
#include <immintrin.h>

/// GELU and its slope from tables in registers, for AVX-512: half the work of a rational function with its division.
namespace scmoe {

/// An odd function about 1/2, as the normal distribution function and the slope of GELU are, within 2e-7. For |x| it is
/// a polynomial of degree 4 about the nearest of 32 points, Taylor's with the fifth term economised; 1/2 from the last
/// one on, so that the whole is exactly 0 and 1 there.
class OddTable {
 public:
  /// @param fill derivatives 0 ... 5 at t, less 1/2 in the first
  template <typename Fill>
  explicit OddTable(const Fill& fill) {
    for (int k = 0; k < kPoints; ++k) {
      double d[6];
      fill(k / kPerUnit, d);
      double step = 1;
      for (int i = 1; i < 6; ++i) d[i] *= step /= kPerUnit * i;
      // f^5 is nearly 5/16 f^3 - 5/256 f on [-1/2, 1/2].
      d[3] += d[5] * 5 / 16;
      d[1] -= d[5] * 5 / 256;
      for (int i = 0; i < kTerms; ++i) terms_[i][k] = static_cast<float>(k == 0 && i % 2 == 0 ? 0 : d[i]);
    }
    for (int i = 0; i < kTerms; ++i) terms_[i][kPoints - 1] = i == 0 ? 0.5f : 0.0f;
  }

  /// The terms in registers, for a loop.
  struct Loaded {
    __m512 low[5], high[5];

    /// factor times the function of x; for an x that is not a number that of the last point.
    [[gnu::always_inline]] Vec operator()(Vec x, Vec factor) const {
      const __m512 v = reinterpret_cast<__m512>(x), magnitude = _mm512_abs_ps(v);
      // Masked, for gcc 12 warns of what the plain one leaves open. NaN becomes the last point.
      const __m512 t =
          _mm512_maskz_min_ps(0xffff, magnitude, _mm512_set1_ps(static_cast<float>((kPoints - 1) / kPerUnit)));
      // Adding 1.5 * 2^23 rounds to the nearest point and leaves its number in the low bits.
      const __m512 scale = _mm512_set1_ps(static_cast<float>(kPerUnit)), magic = _mm512_set1_ps(12582912.0f);
      const __m512 shifted = _mm512_fmadd_ps(t, scale, magic);
      const __m512 f = _mm512_fmsub_ps(t, scale, _mm512_sub_ps(shifted, magic));
      const __m512i point = _mm512_castps_si512(shifted);
      __m512 sum = _mm512_permutex2var_ps(low[kTerms - 1], point, high[kTerms - 1]);
#pragma GCC unroll 4
      for (int i = kTerms - 2; i >= 0; --i)
        sum = _mm512_fmadd_ps(sum, f, _mm512_permutex2var_ps(low[i], point, high[i]));
      // The sign of x, and the sum below it.
      const __m512 odd = reinterpret_cast<__m512>(_mm512_ternarylogic_epi32(
          _mm512_set1_epi32(INT32_MIN), _mm512_castps_si512(v), _mm512_castps_si512(sum), 0xca));
      return factor * (reinterpret_cast<Vec>(odd) + 0.5f);
    }
  };
  Loaded load() const {
    Loaded result;
    for (int i = 0; i < kTerms; ++i) {
      result.low[i] = _mm512_loadu_ps(terms_[i]);
      result.high[i] = _mm512_loadu_ps(terms_[i] + kPoints / 2);
    }
    return result;
  }

 private:
  static constexpr int kPoints = 32, kTerms = 5;
  static constexpr double kPerUnit = 16.0 / 3;
  float terms_[kTerms][kPoints];
};

/// The normal distribution function, less 1/2.
inline const OddTable& normalTable() {
  static const OddTable table([](double t, double(&d)[6]) {
    const double density = std::exp(-t * t / 2) / std::sqrt(2 * M_PI);
    d[0] = std::erf(t / std::sqrt(2.0)) / 2;
    d[1] = density;
    d[2] = -t * density;
    d[3] = (t * t - 1) * density;
    d[4] = (3 - t * t) * t * density;
    d[5] = ((t * t - 6) * t * t + 3) * density;
  });
  return table;
}

/// The slope of x * normal(x), less 1/2.
inline const OddTable& geluSlopeTable() {
  static const OddTable table([](double t, double(&d)[6]) {
    const double density = std::exp(-t * t / 2) / std::sqrt(2 * M_PI), s = t * t;
    d[0] = std::erf(t / std::sqrt(2.0)) / 2 + t * density;
    d[1] = (2 - s) * density;
    d[2] = (s - 4) * t * density;
    d[3] = ((7 - s) * s - 4) * density;
    d[4] = ((s - 11) * s + 18) * t * density;
    d[5] = (((16 - s) * s - 51) * s + 18) * density;
  });
  return table;
}

}  // namespace scmoe
#endif
