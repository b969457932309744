#include "cpu/few_rows.h"

#include <algorithm>

#include "cpu/gemm_depths.h"
#include "cpu/gemm_tile.h"

#if SCMOE_GEMM_TILE

namespace scmoe {

namespace {

using tile::broadcastPart;
using tile::fused;
using tile::kPart;
using tile::loadPart;
using tile::Part;
using tile::storePart;

/// Columns whose sums stay in the first-level cache: the more, the longer is the piece of a row that is read at a time.
template <int Rows>
constexpr int64_t kSweep = Rows == 1   ? 2048
                           : Rows == 2 ? 1024
                                       : 512;
/// Rows of B that are asked for ahead of their time.
constexpr int64_t kAhead = 8;

/// sums[i][j] += a(i, 0) b(0, j) + a(i, 1) b(1, j) + ..., one after the other, over `depth` rows of B.
template <int Rows>
void sweepRows(const float* a, int64_t lda, const float* b, int64_t ldb, int64_t depth, int64_t columns,
               float (*sums)[kSweep<Rows>]) {
  int64_t p = 0;
  for (; p + 4 <= depth; p += 4) {
    const float* const row = b + p * ldb;
    for (int64_t j = 0; j < columns; j += kPart) {
      if (j % 16 == 0)
        for (int q = 0; q < 4; ++q) __builtin_prefetch(row + (q + kAhead) * ldb + j);
      const Part b0 = loadPart(row + j), b1 = loadPart(row + ldb + j), b2 = loadPart(row + 2 * ldb + j),
                 b3 = loadPart(row + 3 * ldb + j);
#pragma GCC unroll 8
      for (int i = 0; i < Rows; ++i) {
        const float* const x = a + i * lda + p;
        Part sum = loadPart(sums[i] + j);
        sum = fused(broadcastPart(x), b0, sum);
        sum = fused(broadcastPart(x + 1), b1, sum);
        sum = fused(broadcastPart(x + 2), b2, sum);
        sum = fused(broadcastPart(x + 3), b3, sum);
        storePart(sums[i] + j, sum);
      }
    }
  }
  for (; p < depth; ++p)
    for (int64_t j = 0; j < columns; j += kPart)
      for (int i = 0; i < Rows; ++i)
        storePart(sums[i] + j, fused(broadcastPart(a + i * lda + p), loadPart(b + p * ldb + j), loadPart(sums[i] + j)));
}

/// The same where B is transposed: kPart * Parts of its rows, side by side for the time that a multiply-add takes.
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
  alignas(32) float sums[Rows][kSweep<Rows>];
  for (int64_t j = 0; j < n; j += kSweep<Rows>) {
    const int64_t columns = std::min(kSweep<Rows>, n - j);
    const float* const from = b + (transposeB ? j * ldb : j);
    forDepths(k, [&](int64_t begin, int64_t size) {
      for (int i = 0; i < Rows; ++i) std::fill(sums[i], sums[i] + columns, 0.0f);
      if constexpr (Rows <= 2) {
        if (transposeB) sweepColumns<Rows>(a + begin, lda, from + begin, ldb, size, columns, sums);
      }
      if (Rows > 2 || !transposeB) sweepRows<Rows>(a + begin, lda, from + begin * ldb, ldb, size, columns, sums);
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
  switch (m) {
    case 1: return multiply<1>(transposeB, n, k, a, lda, b, ldb, beta, c, ldc);
    case 2: return multiply<2>(transposeB, n, k, a, lda, b, ldb, beta, c, ldc);
    case 3: return multiply<3>(false, n, k, a, lda, b, ldb, beta, c, ldc);
    case 4: return multiply<4>(false, n, k, a, lda, b, ldb, beta, c, ldc);
    case 5: return multiply<5>(false, n, k, a, lda, b, ldb, beta, c, ldc);
    case 6: return multiply<6>(false, n, k, a, lda, b, ldb, beta, c, ldc);
    case 7: return multiply<7>(false, n, k, a, lda, b, ldb, beta, c, ldc);
    default: return multiply<8>(false, n, k, a, lda, b, ldb, beta, c, ldc);
  }
}

}  // namespace scmoe

#endif
