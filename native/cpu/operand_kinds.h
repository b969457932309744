#pragma once
#include <algorithm>
#include <cstdint>

#include "cpu/simd.h"

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512BF16__)
#define SCMOE_BF16_PAIRS 1
#include <immintrin.h>
#else
#define SCMOE_BF16_PAIRS 0
#endif

/// What 32 bits of an operand of our own products are: a float32, or two neighbours of a depth in bf16.
namespace scmoe {

struct Numbers {
  static constexpr int64_t kDepths = 1;
  static Vec spread(float value) { return broadcast(value); }
#if defined(__AVX512F__)
  // A multiply-add spreads a number from memory itself, which the one in assembly of simd.h would leave unused: 0.8 of
  // its time in the gradient of attention. There are registers enough here.
  [[gnu::always_inline]] static void multiplyAdd(Vec a, Vec b, Vec& sum) { sum += a * b; }
  static void hold(Vec&) {}
#else
  [[gnu::always_inline]] static void multiplyAdd(Vec a, Vec b, Vec& sum) { scmoe::multiplyAdd(a, b, sum); }
  /// Has the operand of several multiply-adds loaded once.
  [[gnu::always_inline]] static void hold(Vec& value) { keepInRegister(value); }
#endif
};

#if SCMOE_BF16_PAIRS

struct Pairs {
  static constexpr int64_t kDepths = 2;
  static void hold(Vec&) {}
  // Bits, which no arithmetic may touch.
  static Vec spread(float pair) { return reinterpret_cast<Vec>(_mm512_set1_ps(pair)); }
  [[gnu::always_inline]] static void multiplyAdd(Vec a, Vec b, Vec& sum) {
    sum = reinterpret_cast<Vec>(
        _mm512_dpbf16_ps(reinterpret_cast<__m512>(sum), reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b)));
  }
};

/// Numbers of two rows side by side: element i has the first row's, then the second row's.
inline Vec pairUp(Vec first, Vec second) {
  alignas(64) static constexpr uint16_t kOrder[2 * kLanes] = {0,  16, 1,  17, 2,  18, 3,  19, 4,  20, 5,
                                                              21, 6,  22, 7,  23, 8,  24, 9,  25, 10, 26,
                                                              11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  const __m512bh both = _mm512_cvtne2ps_pbh(reinterpret_cast<__m512>(second), reinterpret_cast<__m512>(first));
  return reinterpret_cast<Vec>(_mm512_permutexvar_epi16(_mm512_load_si512(kOrder), reinterpret_cast<__m512i>(both)));
}

/// The pairs along two vectors that lie side by side.
inline Vec pairsAlong(Vec first, Vec second) {
  return reinterpret_cast<Vec>(_mm512_cvtne2ps_pbh(reinterpret_cast<__m512>(second), reinterpret_cast<__m512>(first)));
}

/// The pairs of 2 * kLanes numbers of a row.
inline Vec pairsOf(const float* row) { return pairsAlong(load(row), load(row + kLanes)); }

/// Pairs along a row of `count` numbers, a multiple of 2 * kLanes; `to` may be `from`.
inline void pairAlong(const float* from, int64_t count, float* to) {
  for (int64_t i = 0; i < count; i += 2 * kLanes) store(to + i / 2, pairsOf(from + i));
}

/// to (ceil(rows / 2), columns): each row with the one below it, and the last of an odd number with zeros. `columns` is
/// a multiple of kLanes, rows of `from` lie `stride` apart.
inline void pairRows(const float* from, int64_t rows, int64_t columns, int64_t stride, float* to) {
  for (int64_t i = 0; i < rows; i += 2, from += 2 * stride, to += columns)
    for (int64_t j = 0; j < columns; j += kLanes)
      store(to + j, pairUp(load(from + j), i + 1 < rows ? load(from + stride + j) : Vec{}));
}

#endif

}  // namespace scmoe
