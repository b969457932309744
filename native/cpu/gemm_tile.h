#pragma once
#include <cstdint>

#if defined(__AVX2__) && defined(__FMA__)
#define SCMOE_GEMM_TILE 1
#include <immintrin.h>

#include "cpu/simd.h"

/// The innermost part of blocked_gemm.cc: six rows and sixteen columns of C stay in registers while a depth is summed.
namespace scmoe::tile {

constexpr int kRows = 6;
constexpr int kColumns = 16;

/// What becomes of sums: C = alpha * sum + beta * C.
struct Scale {
  float alpha, beta;

  __m256 operator()(__m256 sum, const float* c) const {
    if (alpha != 1.0f) sum = _mm256_mul_ps(_mm256_set1_ps(alpha), sum);
    return beta == 0.0f ? sum : _mm256_fmadd_ps(_mm256_set1_ps(beta), _mm256_loadu_ps(c), sum);
  }
};

/// Rows of A as they lie, one `stride` after the other.
struct PlainRows {
  static constexpr int64_t kDepthStride = 1;
  const int64_t stride;
};
/// Six rows side by side, depth after depth.
struct PackedRows {
  static constexpr int64_t kDepthStride = kRows;
  static constexpr int64_t stride = 1;
};

/// Sixteen columns of B side by side, depth after depth. As constants both strides leave registers for the sums.
struct PackedPanel {
  static constexpr int64_t stride = kColumns;
};
/// Sixteen columns of B as they lie, one row `stride` after the other.
struct PlainPanel {
  const int64_t stride;
};

/// C (Rows, columns), at most sixteen, of A times B. Each element is summed in order, one multiply-add after the other.
template <int Rows, typename RowLayout, typename PanelLayout>
[[gnu::noinline]] void multiply(int64_t depth, const float* a, RowLayout rowLayout, const float* b,
                                PanelLayout panelLayout, Scale scale, float* c, int64_t ldc, int64_t columns) {
  constexpr int64_t depthStride = RowLayout::kDepthStride;
  const int64_t rowStride = rowLayout.stride, ldb = panelLayout.stride;
  __m256 left[Rows], right[Rows];
#pragma GCC unroll 6
  for (int i = 0; i < Rows; ++i) {
    left[i] = right[i] = _mm256_setzero_ps();
    _mm_prefetch(reinterpret_cast<const char*>(c + i * ldc), _MM_HINT_T0);
    _mm_prefetch(reinterpret_cast<const char*>(c + i * ldc + columns - 1), _MM_HINT_T0);
  }
  // Two pointers reach all rows with the factors 0, 1 and 2 that an address can have.
  const float* lower = a + 3 * rowStride;
  const auto step = [&](int64_t q) __attribute__((always_inline)) {
    __m256 b0 = _mm256_loadu_ps(b + q * ldb), b1 = _mm256_loadu_ps(b + q * ldb + 8);
    keepInRegister(b0);
    keepInRegister(b1);
#pragma GCC unroll 6
    for (int i = 0; i < Rows; ++i) {
      const float* const row = i < 3 ? a + i * rowStride : lower + (i - 3) * rowStride;
      const __m256 value = _mm256_broadcast_ss(row + q * depthStride);
      multiplyAdd(value, b0, left[i]);
      multiplyAdd(value, b1, right[i]);
    }
  };
  int64_t p = 0;
  // The rows below, which come next: from the second-level cache a cache line of each while this one is used.
  const auto fetchNext = [&] {
    if constexpr (Rows == kRows && depthStride == 1)
#pragma GCC unroll 6
      for (int i = 0; i < kRows; ++i)
        _mm_prefetch(reinterpret_cast<const char*>((i < 3 ? a : lower) + (kRows + i % 3) * rowStride), _MM_HINT_T0);
  };
  for (; p + 4 <= depth; p += 4, a += 4 * depthStride, lower += 4 * depthStride, b += 4 * ldb) {
    if (p % 16 == 0) fetchNext();
    step(0);
    step(1);
    step(2);
    step(3);
  }
  for (; p < depth; ++p, a += depthStride, lower += depthStride, b += ldb) step(0);

  if (columns == kColumns) {
#pragma GCC unroll 6
    for (int i = 0; i < Rows; ++i) {
      float* const to = c + i * ldc;
      _mm256_storeu_ps(to, scale(left[i], to));
      _mm256_storeu_ps(to + 8, scale(right[i], to + 8));
    }
    return;
  }
#pragma GCC unroll 6
  for (int i = 0; i < Rows; ++i) {
    alignas(32) float row[kColumns] = {};
    float* const to = c + i * ldc;
    for (int64_t j = 0; j < columns; ++j) row[j] = to[j];
    const __m256 first = scale(left[i], row), second = scale(right[i], row + 8);
    _mm256_store_ps(row, first);
    _mm256_store_ps(row + 8, second);
    for (int64_t j = 0; j < columns; ++j) to[j] = row[j];
  }
}

/// The same for 1 to 6 rows.
template <typename RowLayout, typename PanelLayout>
void multiplyRows(int64_t rows, int64_t depth, const float* a, RowLayout rowLayout, const float* b,
                  PanelLayout panelLayout, Scale scale, float* c, int64_t ldc, int64_t columns) {
  switch (rows) {
    case 6: return multiply<6>(depth, a, rowLayout, b, panelLayout, scale, c, ldc, columns);
    case 5: return multiply<5>(depth, a, rowLayout, b, panelLayout, scale, c, ldc, columns);
    case 4: return multiply<4>(depth, a, rowLayout, b, panelLayout, scale, c, ldc, columns);
    case 3: return multiply<3>(depth, a, rowLayout, b, panelLayout, scale, c, ldc, columns);
    case 2: return multiply<2>(depth, a, rowLayout, b, panelLayout, scale, c, ldc, columns);
    default: return multiply<1>(depth, a, rowLayout, b, panelLayout, scale, c, ldc, columns);
  }
}

/// to (8, 8) = from (8, 8) transposed; strides in elements.
inline void transposeEight(const float* from, int64_t fromStride, float* to, int64_t toStride) {
  __m256 row[8], pair[8], four[8];
  for (int i = 0; i < 8; ++i) row[i] = _mm256_loadu_ps(from + i * fromStride);
  for (int i = 0; i < 8; i += 2) {
    pair[i] = _mm256_unpacklo_ps(row[i], row[i + 1]);
    pair[i + 1] = _mm256_unpackhi_ps(row[i], row[i + 1]);
  }
  for (int i = 0; i < 8; i += 4) {
    four[i] = _mm256_shuffle_ps(pair[i], pair[i + 2], 0x44);
    four[i + 1] = _mm256_shuffle_ps(pair[i], pair[i + 2], 0xEE);
    four[i + 2] = _mm256_shuffle_ps(pair[i + 1], pair[i + 3], 0x44);
    four[i + 3] = _mm256_shuffle_ps(pair[i + 1], pair[i + 3], 0xEE);
  }
  for (int i = 0; i < 4; ++i) {
    _mm256_storeu_ps(to + i * toStride, _mm256_permute2f128_ps(four[i], four[i + 4], 0x20));
    _mm256_storeu_ps(to + (i + 4) * toStride, _mm256_permute2f128_ps(four[i], four[i + 4], 0x31));
  }
}

}  // namespace scmoe::tile

#else
#define SCMOE_GEMM_TILE 0
#endif
