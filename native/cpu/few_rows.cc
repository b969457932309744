#include "cpu/few_rows.h"

#include <algorithm>

#include "cpu/gemm_depths.h"
#include "cpu/gemm_tile.h"
#include "cpu/row_sweep.h"

#if SCMOE_GEMM_TILE

namespace scmoe {

namespace {

/// Four floats of each of eight rows of B: vector q has their element q.
void transposeEightByFour(const float* rows, int64_t ldb, __m256* elements) {
  const auto pair = [&](int64_t i) {
    return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(rows + i * ldb)),
                                _mm_loadu_ps(rows + (i + 4) * ldb), 1);
  };
  const __m256 r0 = pair(0), r1 = pair(1), r2 = pair(2), r3 = pair(3);
  const __m256 low01 = _mm256_unpacklo_ps(r0, r1), high01 = _mm256_unpackhi_ps(r0, r1);
  const __m256 low23 = _mm256_unpacklo_ps(r2, r3), high23 = _mm256_unpackhi_ps(r2, r3);
  elements[0] = _mm256_shuffle_ps(low01, low23, 0x44);
  elements[1] = _mm256_shuffle_ps(low01, low23, 0xEE);
  elements[2] = _mm256_shuffle_ps(high01, high23, 0x44);
  elements[3] = _mm256_shuffle_ps(high01, high23, 0xEE);
}

/// sweep() where B is transposed: 8 * Eights of its rows, side by side for the time that a multiply-add takes.
template <int Rows, int Eights>
void sweepEights(const float* a, int64_t lda, const float* b, int64_t ldb, int64_t depth, int64_t column,
                 float (*sums)[kSweep<Rows>]) {
  __m256 chain[Rows][Eights];
  for (int i = 0; i < Rows; ++i)
    for (int e = 0; e < Eights; ++e) chain[i][e] = _mm256_load_ps(sums[i] + column + 8 * e);
  const auto add = [&](int e, int64_t at) {
    __m256 elements[4];
    transposeEightByFour(b + int64_t{8} * e * ldb + at, ldb, elements);
#pragma GCC unroll 2
    for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 4
      for (int q = 0; q < 4; ++q)
        chain[i][e] = _mm256_fmadd_ps(_mm256_broadcast_ss(a + i * lda + at + q), elements[q], chain[i][e]);
  };
  int64_t p = 0;
  // A cache line of eight rows at a time, for rows a power of two apart evict each other.
  for (; p + 16 <= depth; p += 16)
#pragma GCC unroll 4
    for (int e = 0; e < Eights; ++e)
#pragma GCC unroll 4
      for (int q = 0; q < 16; q += 4) add(e, p + q);
  for (; p + 4 <= depth; p += 4)
    for (int e = 0; e < Eights; ++e) add(e, p);
  for (int i = 0; i < Rows; ++i) {
    float* const own = sums[i] + column;
    for (int e = 0; e < Eights; ++e) _mm256_store_ps(own + 8 * e, chain[i][e]);
    for (int64_t q = p; q < depth; ++q)
      for (int64_t j = 0; j < int64_t{8} * Eights; ++j) own[j] = __builtin_fmaf(a[i * lda + q], b[j * ldb + q], own[j]);
  }
}

template <int Rows>
void sweepColumns(const float* a, int64_t lda, const float* b, int64_t ldb, int64_t depth, int64_t columns,
                  float (*sums)[kSweep<Rows>]) {
  int64_t j = 0;
  if (Rows == 1)
    for (; j + 32 <= columns; j += 32) sweepEights<Rows, 4>(a, lda, b + j * ldb, ldb, depth, j, sums);
  for (; j < columns; j += 16) sweepEights<Rows, 2>(a, lda, b + j * ldb, ldb, depth, j, sums);
}

template <int Rows>
void multiply(bool transposeB, int64_t n, int64_t k, const float* a, int64_t lda, const float* b, int64_t ldb,
              float beta, float* c, int64_t ldc) {
  alignas(64) float sums[Rows][kSweep<Rows>];
  for (int64_t j = 0; j < n; j += kSweep<Rows>) {
    const int64_t columns = std::min(kSweep<Rows>, n - j);
    const float* const from = b + (transposeB ? j * ldb : j);
    forDepths(k, [&](int64_t begin, int64_t size) {
      for (int i = 0; i < Rows; ++i) std::fill(sums[i], sums[i] + columns, 0.0f);
      if constexpr (Rows <= 2) {
        if (transposeB) sweepColumns<Rows>(a + begin, lda, from + begin, ldb, size, columns, sums);
      }
      if (Rows > 2 || !transposeB) sweep<Rows>(a, lda, FloatRows{b}, ldb, begin, size, j, columns, sums);
      const tile::Scale scale = {1.0f, begin == 0 ? beta : 1.0f};
      for (int i = 0; i < Rows; ++i)
        for (int64_t q = 0; q < columns; q += 8) {
          float* const to = c + i * ldc + j + q;
          _mm256_storeu_ps(to, scale(_mm256_load_ps(sums[i] + q), to));
        }
    });
  }
}

}  // namespace

void multiplyFewRows(bool transposeB, int64_t m, int64_t n, int64_t k, const float* a, int64_t lda, const float* b,
                     int64_t ldb, float beta, float* c, int64_t ldc) {
  withRows(m,
           [&](auto rows) { multiply<rows.value>(transposeB && rows.value <= 2, n, k, a, lda, b, ldb, beta, c, ldc); });
}

}  // namespace scmoe

#endif
