#include "cpu/row_invariant.h"

#include <algorithm>
#include <cstring>

#include "core/arena.h"
#include "core/parallel.h"
#include "cpu/onednn.h"

#if defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>

namespace scmoe {

namespace {

// What oneDNN's AVX2 product does (jit_avx_gemm_f32; seen in 2.6.3, held by test/row_invariant_test.cc). It takes six
// rows and sixteen columns at a time, and sums each element in order, one multiply-add after the other, over depths of
// 256 whose sums are then added up. Four or five rows left over are summed the same way; one, two or three are not, nor
// is a single row alone. Columns left over are summed in yet other ways, of which nothing is assumed here but that they
// are the same for all rows.
constexpr int64_t kGroup = 6;
constexpr int64_t kFewest = 4;
constexpr int64_t kPanel = 16;
constexpr int64_t kDepth = 256;
// Rows are cut into blocks of 48, of 96 where B is transposed, as long as at least twice as many are left; what is left
// then is one block, or two halves with edges of their own where it is more than one and a half. Columns likewise.
constexpr int64_t kRows = 48, kRowsTransposed = 96;
constexpr int64_t kColumns = 4032;
// Large products are copied into panels first, which pays. That kernel treats all rows alike, but sums depths of 384:
// up to there whole panels get the same bits from either.
constexpr int64_t kCopiedDepth = 384;
constexpr int64_t kNotCopied = 192;
bool isCopied(int64_t m, int64_t n) { return 1.0 / static_cast<double>(m) + 1.0 / static_cast<double>(n) < 0.0038; }

struct Product {
  bool transposeB;
  int64_t n, k;
  float alpha;
  const float* a;
  int64_t lda;
  const float* b;
  int64_t ldb;
  float beta;
  float* c;
  int64_t ldc;

  const float* column(int64_t j) const { return b + (transposeB ? j * ldb : j); }
};

/// Calls body(begin, size) for the depths that are summed each by itself: 256, and the last two of equal size.
template <typename Body>
void forDepths(int64_t k, const Body& body) {
  for (int64_t begin = 0, size; begin < k; begin += size) {
    const int64_t rest = k - begin;
    size = rest >= 2 * kDepth ? kDepth : rest > kDepth ? (rest + 1) / 2 : rest;
    body(begin, size);
  }
}

/// Rows that end in fewer than kFewest, and as many more as that takes, copied so that one product holds them all.
void paddedRows(const Product& p, int64_t row, int64_t rows, int64_t first, int64_t last) {
  // The panel before columns that are left over is made again: see block().
  const int64_t begin = first > 0 ? first - kPanel : 0, columns = last - begin;
  const int64_t padded = rows + kFewest - rows % kGroup;
  Arena::Scope scope;
  auto* const a = scope.take<float>(padded * p.k);
  auto* const c = scope.take<float>(padded * columns);
  for (int64_t i = 0; i < padded; ++i) {
    const int64_t from = row + std::min(i, rows - 1);
    std::memcpy(a + i * p.k, p.a + from * p.lda, p.k * sizeof(float));
    if (p.beta != 0.0f) std::memcpy(c + i * columns, p.c + from * p.ldc + begin, columns * sizeof(float));
  }
  oneDnnSgemm(false, p.transposeB, padded, columns, p.k, p.alpha, a, p.k, p.column(begin), p.ldb, p.beta, c, columns);
  for (int64_t i = 0; i < rows; ++i)
    std::memcpy(p.c + (row + i) * p.ldc + first, c + i * columns + (first - begin), (last - first) * sizeof(float));
}

/// sum[j] += a[0] b(0, j) + a[1] b(1, j) + ..., one after the other, over `depth` rows of B.
void sweepRows(const float* a, const float* b, int64_t ldb, int64_t depth, int64_t columns, float* sum) {
  int64_t p = 0;
  for (; p + 4 <= depth; p += 4) {
    const float *b0 = b + p * ldb, *b1 = b0 + ldb, *b2 = b1 + ldb, *b3 = b2 + ldb;
    const float a0 = a[p], a1 = a[p + 1], a2 = a[p + 2], a3 = a[p + 3];
#pragma omp simd
    for (int64_t j = 0; j < columns; ++j) {
      float s = sum[j];
      s = __builtin_fmaf(a0, b0[j], s);
      s = __builtin_fmaf(a1, b1[j], s);
      s = __builtin_fmaf(a2, b2[j], s);
      s = __builtin_fmaf(a3, b3[j], s);
      sum[j] = s;
    }
  }
  for (; p < depth; ++p) {
    const float* const row = b + p * ldb;
#pragma omp simd
    for (int64_t j = 0; j < columns; ++j) sum[j] = __builtin_fmaf(a[p], row[j], sum[j]);
  }
}

/// Four floats of each of eight rows of B: vector q has their element q.
void transposeEight(const float* rows, int64_t ldb, __m256* elements) {
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

/// The same where B is transposed: 8 * kEights of its rows, side by side for the time that a multiply-add takes.
template <int kEights>
void sweepEights(const float* a, const float* b, int64_t ldb, int64_t depth, float* sum) {
  __m256 chain[kEights];
  for (int e = 0; e < kEights; ++e) chain[e] = _mm256_loadu_ps(sum + 8 * e);
  int64_t p = 0;
  const auto add = [&](int e, int64_t at) {
    __m256 elements[4];
    transposeEight(b + int64_t{8} * e * ldb + at, ldb, elements);
#pragma GCC unroll 4
    for (int q = 0; q < 4; ++q) chain[e] = _mm256_fmadd_ps(_mm256_broadcast_ss(a + at + q), elements[q], chain[e]);
  };
  // A cache line of eight rows at a time, for rows a power of two apart evict each other.
  for (; p + 16 <= depth; p += 16)
#pragma GCC unroll 4
    for (int e = 0; e < kEights; ++e)
#pragma GCC unroll 4
      for (int q = 0; q < 16; q += 4) add(e, p + q);
  for (; p + 4 <= depth; p += 4)
    for (int e = 0; e < kEights; ++e) add(e, p);
  for (int e = 0; e < kEights; ++e) _mm256_storeu_ps(sum + 8 * e, chain[e]);
  for (; p < depth; ++p)
    for (int64_t i = 0; i < int64_t{8} * kEights; ++i) sum[i] = __builtin_fmaf(a[p], b[i * ldb + p], sum[i]);
}

/// `columns` of them, a multiple of kPanel.
void sweepColumns(const float* a, const float* b, int64_t ldb, int64_t depth, int64_t columns, float* sum) {
  int64_t j = 0;
  for (; j + 2 * kPanel <= columns; j += 2 * kPanel) sweepEights<4>(a, b + j * ldb, ldb, depth, sum + j);
  for (; j < columns; j += kPanel) sweepEights<2>(a, b + j * ldb, ldb, depth, sum + j);
}

/// One row, which oneDNN would sum in another order; whole panels are summed here, at the speed of its own.
void oneRow(const Product& p, int64_t row, int64_t first, int64_t last) {
  const int64_t panels = p.alpha == 1.0f && (p.beta == 0.0f || p.beta == 1.0f) ? (last - first) / kPanel : 0;
  const int64_t end = first + panels * kPanel;
  constexpr int64_t kSweep = 512;  // columns whose sums stay in the first-level cache
  float sum[kSweep];
  for (int64_t j = first; j < end; j += kSweep) {
    const int64_t columns = std::min(kSweep, end - j);
    float* const c = p.c + row * p.ldc + j;
    forDepths(p.k, [&](int64_t begin, int64_t size) {
      std::fill(sum, sum + columns, 0.0f);
      const float* const a = p.a + row * p.lda + begin;
      if (p.transposeB)
        sweepColumns(a, p.column(j) + begin, p.ldb, size, columns, sum);
      else
        sweepRows(a, p.column(j) + begin * p.ldb, p.ldb, size, columns, sum);
      const bool adds = begin > 0 || p.beta == 1.0f;
      for (int64_t i = 0; i < columns; ++i) c[i] = adds ? c[i] + sum[i] : sum[i];
    });
  }
  if (end < last) paddedRows(p, row, 1, end, last);
}

/// Whether no block of rows that oneDNN makes of them ends in rows that are summed differently.
bool isWhole(int64_t rows, bool transposeB) {
  const auto ends = [](int64_t block) { return block % kGroup == 0 || block % kGroup >= kFewest; };
  const int64_t size = transposeB ? kRowsTransposed : kRows;
  const int64_t last = rows < 2 * size ? rows : size + rows % size;
  return 2 * last > 3 * size ? ends((last + 1) / 2) && ends(last / 2) : ends(last);
}

/// All rows of some columns, no more than kColumns.
void columnBlock(const Product& p, int64_t firstRow, int64_t lastRow, int64_t column, int64_t width) {
  const bool copies = p.k <= kCopiedDepth && width % kPanel == 0;
  for (int64_t i = firstRow, count; i < lastRow; i += count) {
    count = lastRow - i;
    if (count == 1) {
      oneRow(p, i, column, column + width);
    } else if (!isWhole(count, p.transposeB) && count < (p.transposeB ? kRowsTransposed : kFewest)) {
      // Reading B in its other order once more would cost more than copying these rows.
      paddedRows(p, i, count, column, column + width);
    } else {
      if (!isCopied(count, width))
        while (!isWhole(count, p.transposeB)) --count;
      else if (!copies)
        count = kNotCopied;
      oneDnnSgemm(false, p.transposeB, count, width, p.k, p.alpha, p.a + i * p.lda, p.lda, p.column(column), p.ldb,
                  p.beta, p.c + i * p.ldc + column, p.ldc);
    }
  }
}

/// Some rows and columns on the calling thread.
void block(const Product& p, int64_t firstRow, int64_t lastRow, int64_t firstColumn, int64_t lastColumn) {
  const LibrariesAlone alone;
  for (int64_t j = firstColumn, width; j < lastColumn; j += width) {
    // Never less than a panel at the end: a single column would be another product altogether.
    const int64_t rest = lastColumn - j;
    width = rest <= kColumns ? rest : std::min(kColumns, rest - kPanel) / kPanel * kPanel;
    columnBlock(p, firstRow, lastRow, j, width);
  }
}

}  // namespace

bool rowsDependOnTheirNumber() {
  constexpr int kAvx2 = 0x7, kAvx512 = 0x20;  // of dnnl_cpu_isa_t
  static const bool result = (oneDnn().instructionSets & (kAvx2 | kAvx512)) == kAvx2;
  return result;
}

void rowInvariantGemm(bool transposeB, int64_t m, int64_t n, int64_t k, float alpha, const float* a, int64_t lda,
                      const float* b, int64_t ldb, float beta, float* c, int64_t ldc) {
  if (k > kCopiedDepth && isCopied(m, n))
    return oneDnnSgemm(false, transposeB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
  const Product product = {transposeB, n, k, alpha, a, lda, b, ldb, beta, c, ldc};
  // Rows or columns are shared out among the threads, and the depth never is.
  constexpr int64_t kWork = 1 << 16;
  const bool byRows = m >= 2 * kGroup * threads() || n < 2 * kPanel;
  const int64_t unit = byRows ? kGroup : kPanel, length = byRows ? m : n, other = byRows ? n : m;
  const int64_t units = std::max<int64_t>(1, length / unit);
  parallelFor(units, kWork / (unit * other * k) + 1, [&](int64_t begin, int64_t end) {
    const int64_t first = begin * unit, last = end == units ? length : end * unit;
    if (byRows)
      block(product, first, last, 0, n);
    else
      block(product, 0, m, first, last);
  });
}

}  // namespace scmoe

#else

namespace scmoe {

bool rowsDependOnTheirNumber() { return false; }

void rowInvariantGemm(bool transposeB, int64_t m, int64_t n, int64_t k, float alpha, const float* a, int64_t lda,
                      const float* b, int64_t ldb, float beta, float* c, int64_t ldc) {
  oneDnnSgemm(false, transposeB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

}  // namespace scmoe

#endif
