#pragma once
#include <cstdint>

#include "cpu/part.h"

#if SCMOE_GEMM_TILE

/// The innermost part of blocked_gemm.cc: six rows and sixteen columns of C stay in registers while a depth is summed.
namespace scmoe::tile {

constexpr int kRows = 6;
constexpr int kColumns = 16;
/// Vectors of a row of C.
constexpr int kParts = kColumns / kPart;

/// What becomes of sums: C = alpha * sum + beta * C.
struct Scale {
  float alpha, beta;

  Part operator()(Part sum, const float* c) const {
    if (alpha != 1.0f) sum = alpha * sum;
    return beta == 0.0f ? sum : fused(broadcastPart(&beta), loadPart(c), sum);
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
  Part sums[Rows][kParts];
#pragma GCC unroll 6
  for (int i = 0; i < Rows; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < kParts; ++j) sums[i][j] = Part{};
    __builtin_prefetch(c + i * ldc);
    __builtin_prefetch(c + i * ldc + columns - 1);
  }
  // Two pointers reach all rows with the factors 0, 1 and 2 that an address can have.
  const float* lower = a + 3 * rowStride;
  const auto step = [&](int64_t q) __attribute__((always_inline)) {
    Part right[kParts];
#pragma GCC unroll 4
    for (int j = 0; j < kParts; ++j) {
      right[j] = loadPart(b + q * ldb + j * kPart);
      keepInRegister(right[j]);
    }
#pragma GCC unroll 6
    for (int i = 0; i < Rows; ++i) {
      const float* const row = i < 3 ? a + i * rowStride : lower + (i - 3) * rowStride;
      const Factor value = factorAt(row + q * depthStride);
#pragma GCC unroll 4
      for (int j = 0; j < kParts; ++j) multiplyAdd(value, right[j], sums[i][j]);
    }
  };
  int64_t p = 0;
  // The rows below, which come next: from the second-level cache a cache line of each while this one is used.
  const auto fetchNext = [&] {
    if constexpr (Rows == kRows && depthStride == 1)
#pragma GCC unroll 6
      for (int i = 0; i < kRows; ++i) __builtin_prefetch((i < 3 ? a : lower) + (kRows + i % 3) * rowStride);
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
#pragma GCC unroll 4
      for (int j = 0; j < kParts; ++j) {
        float* const to = c + i * ldc + j * kPart;
        storePart(to, scale(sums[i][j], to));
      }
    }
    return;
  }
#pragma GCC unroll 6
  for (int i = 0; i < Rows; ++i) {
    alignas(32) float row[kColumns] = {};
    float* const to = c + i * ldc;
    for (int64_t j = 0; j < columns; ++j) row[j] = to[j];
#pragma GCC unroll 4
    for (int j = 0; j < kParts; ++j) storePart(row + j * kPart, scale(sums[i][j], row + j * kPart));
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

#if defined(__AVX2__)
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
#else
/// to (8, 8) = from (8, 8) transposed; strides in elements.
inline void transposeEight(const float* from, int64_t fromStride, float* to, int64_t toStride) {
  for (int i = 0; i < 8; i += kPart)
    for (int p = 0; p < 8; p += 4) {
      Part elements[4];
      transposeRows(from + i * fromStride + p, fromStride, elements);
      for (int q = 0; q < 4; ++q) storePart(to + (p + q) * toStride + i, elements[q]);
    }
}
#endif

}  // namespace scmoe::tile

#endif
