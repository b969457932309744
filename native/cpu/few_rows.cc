#include "cpu/few_rows.h"

#include <algorithm>

#include "cpu/gemm_depths.h"
#include "cpu/gemm_tile.h"
#include "cpu/row_sweep.h"

#if SCMOE_GEMM_TILE

namespace scmoe {

namespace {

using tile::broadcastPart;
using tile::fused;
using tile::kPart;
using tile::loadPart;
using tile::Part;
using tile::storePart;

/// sweep() where B is transposed: kPart * Parts of its rows, side by side for the time that a multiply-add takes.
template <int Rows, int Parts>
void sweepParts(const float* a, int64_t lda, const float* b, int64_t ldb, int64_t depth, int64_t column,
                float (*sums)[kSweep<Rows>]) {
  Part chain[Rows][Parts];
  for (int i = 0; i < Rows; ++i)
    for (int e = 0; e < Parts; ++e) chain[i][e] = loadPart(sums[i] + column + kPart * e);
  const auto add = [&](int e, int64_t at) {
    Part elements[4];
    tile::transposeRows(b + int64_t{kPart} * e * ldb + at, ldb, elements);
#pragma GCC unroll 2
    for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 4
      for (int q = 0; q < 4; ++q) chain[i][e] = fused(broadcastPart(a + i * lda + at + q), elements[q], chain[i][e]);
  };
  int64_t p = 0;
  // A cache line of some rows at a time, for rows a power of two apart evict each other.
  for (; p + 16 <= depth; p += 16)
#pragma GCC unroll 8
    for (int e = 0; e < Parts; ++e)
#pragma GCC unroll 4
      for (int q = 0; q < 16; q += 4) add(e, p + q);
  for (; p + 4 <= depth; p += 4)
    for (int e = 0; e < Parts; ++e) add(e, p);
  for (int i = 0; i < Rows; ++i) {
    float* const own = sums[i] + column;
    for (int e = 0; e < Parts; ++e) storePart(own + kPart * e, chain[i][e]);
    for (int64_t q = p; q < depth; ++q)
      for (int64_t j = 0; j < int64_t{kPart} * Parts; ++j)
        own[j] = __builtin_fmaf(a[i * lda + q], b[j * ldb + q], own[j]);
  }
}

template <int Rows>
void sweepColumns(const float* a, int64_t lda, const float* b, int64_t ldb, int64_t depth, int64_t columns,
                  float (*sums)[kSweep<Rows>]) {
  int64_t j = 0;
  if (Rows == 1)
    for (; j + 32 <= columns; j += 32) sweepParts<Rows, 32 / kPart>(a, lda, b + j * ldb, ldb, depth, j, sums);
  for (; j < columns; j += 16) sweepParts<Rows, 16 / kPart>(a, lda, b + j * ldb, ldb, depth, j, sums);
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
      if (Rows > 2 || !transposeB) sweep<Rows>(a, lda, b, ldb, begin, size, j, columns, sums);
      const tile::Scale scale = {1.0f, begin == 0 ? beta : 1.0f};
      for (int i = 0; i < Rows; ++i)
        for (int64_t q = 0; q < columns; q += kPart) {
          float* const to = c + i * ldc + j + q;
          storePart(to, scale(loadPart(sums[i] + q), to));
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
