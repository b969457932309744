#include "cpu/blocked_gemm.h"

#include <algorithm>
#include <cstring>

#include "core/parallel.h"
#include "cpu/few_rows.h"
#include "cpu/gemm_depths.h"
#include "cpu/gemm_tile.h"
#include "cpu/tile_panel.h"

#if SCMOE_GEMM_TILE

namespace scmoe {

namespace {

using tile::kColumns;
using tile::kRows;
using tile::PackedPanel;
using tile::PackedRows;
using tile::packPanel;
using tile::PlainPanel;
using tile::PlainRows;
using tile::Scale;

// A panel of B, 384 x 16, stays in the first-level cache.
constexpr int64_t kBlockRows = PackedColumns::kBlockRows;
constexpr int64_t kBlockColumns = 64 * kColumns;
/// Panels that are packed side by side: 256 bytes of each row of B, for a cache line alone comes slowly from memory.
constexpr int64_t kTogether = 4;
/// Up to this many rows B is read in place, where it isn't transposed.
constexpr int64_t kInPlace = 12;

int64_t panelsOf(int64_t columns) { return (columns + kColumns - 1) / kColumns; }
int64_t tilesOf(int64_t rows) { return (rows + kRows - 1) / kRows; }

/// Some panels of sixteen columns of B as it is, each `stride` behind the one before: reads rows as far as they go.
void packPanels(int64_t panels, int64_t depth, const float* b, int64_t ldb, float* to, int64_t stride) {
  constexpr int64_t kAhead = 12;
  for (int64_t p = 0; p < depth; ++p, b += ldb, to += kColumns) {
    for (int64_t panel = 0; panel < panels; ++panel) {
      const float* const from = b + panel * kColumns;
      __builtin_prefetch(from + kAhead * ldb);
#pragma GCC unroll 4
      for (int j = 0; j < kColumns; j += tile::kPart)
        tile::storePart(to + panel * stride + j, tile::loadPart(from + j));
    }
  }
}

/// to (ceil(rows / 6), depth, 6): rows of a transposed A, whose element (i, p) is a[p * lda + i]; zeros after the last.
void packRows(int64_t rows, int64_t depth, const float* a, int64_t lda, float* to) {
  const int64_t whole = rows / kRows, rest = rows % kRows;
  for (int64_t p = 0; p < depth; ++p, a += lda, to += kRows) {
    for (int64_t block = 0; block < whole; ++block) {
      const float* const from = a + block * kRows;
      float* const six = to + block * kRows * depth;
      std::memcpy(six, from, 4 * sizeof(float));
      std::memcpy(six + 4, from + 4, 2 * sizeof(float));
    }
    if (rest == 0) continue;
    float* const six = to + whole * kRows * depth;
    for (int64_t r = 0; r < kRows; ++r) six[r] = r < rest ? a[whole * kRows + r] : 0.0f;
  }
}

/// Some rows and a depth of op(A): in place, or packed where A is transposed.
struct RowBlock {
  const float* a;
  int64_t lda;
  bool packed;
  int64_t rows, depth;

  /// C (rows, columns) of these rows and one panel of B.
  template <typename PanelLayout>
  void multiply(const float* panel, PanelLayout layout, Scale scale, float* c, int64_t ldc, int64_t columns) const {
    tile::NoAsking none;
    if (packed) {
      for (int64_t i = 0; i < rows; i += kRows, c += kRows * ldc)
        tile::multiplyRows(std::min<int64_t>(kRows, rows - i), depth, a + i * depth, PackedRows(), panel, layout, scale,
                           c, ldc, columns, none);
      return;
    }
    // Tiles of about one size: one of up to three rows takes the time of four.
    const int64_t tiles = tilesOf(rows);
    for (int64_t t = 0; t < tiles; ++t) {
      const int64_t first = rows * t / tiles, last = rows * (t + 1) / tiles;
      tile::multiplyRows(last - first, depth, a + first * lda, PlainRows{lda}, panel, layout, scale, c + first * ldc,
                         ldc, columns, none);
    }
  }
};

struct Product {
  bool transposeA, transposeB;
  int64_t k;
  float alpha;
  const float* a;
  int64_t lda;
  const float* b;
  int64_t ldb;
  float beta;
  float* c;
  int64_t ldc;

  const float* elementOfA(int64_t i, int64_t p) const { return a + (transposeA ? p * lda + i : i * lda + p); }
  const float* elementOfB(int64_t p, int64_t j) const { return b + (transposeB ? j * ldb + p : p * ldb + j); }

  /// to: some columns of op(B), panel after panel.
  void pack(int64_t begin, int64_t depth, int64_t column, int64_t width, float* to) const {
    const int64_t together = transposeB ? 0 : width / kColumns;
    packPanels(together, depth, elementOfB(begin, column), ldb, to, depth * kColumns);
    for (int64_t q = together * kColumns; q < width; q += kColumns)
      packPanel(transposeB, depth, std::min<int64_t>(kColumns, width - q), elementOfB(begin, column + q), ldb,
                to + q * depth);
  }

  /// Rows that are few, and whole panels of columns from `first` to `last`: B is read in place.
  void inPlace(int64_t m, int64_t first, int64_t last) const {
    // With vectors of sixteen even small ones are read sooner row by row than in tiles of eight.
    const bool isLarge = !transposeB && (kLanes == 16 || k * (last - first) >= kLarge);
    if (m <= (isLarge ? kFewRowsOfLarge : kFewRows)) {
      return multiplyFewRows(transposeB, m, last - first, k, a, lda, elementOfB(0, first), ldb, beta, c + first, ldc);
    }
    forDepths(k, [&](int64_t begin, int64_t depth) {
      const RowBlock block = {a + begin, lda, false, m, depth};
      const Scale scale = {alpha, begin == 0 ? beta : 1.0f};
      for (int64_t j = first; j < last; j += kColumns)
        block.multiply(elementOfB(begin, j), PlainPanel{ldb}, scale, c + j, ldc, kColumns);
    });
  }

  /// Whether so few rows are multiplied sooner than B is copied.
  bool isInPlace(int64_t m) const { return !transposeA && alpha == 1.0f && m <= (transposeB ? kFewRows : kInPlace); }

  /// Rows [firstRow, lastRow) and columns [firstColumn, lastColumn) of C, on the calling thread.
  void onThread(int64_t firstRow, int64_t lastRow, int64_t firstColumn, int64_t lastColumn) const {
    Arena::Scope scope;
    const int64_t rows = lastRow - firstRow, deepest = std::min(k, kDepth);
    // A single block of rows is done with some panels before the next ones are packed: these take their place.
    const bool inTurn = rows <= kBlockRows;
    const int64_t panels = inTurn ? kTogether : panelsOf(std::min(lastColumn - firstColumn, kBlockColumns));
    auto* const packedB = scope.take<float>(panels * deepest * kColumns);
    float* const packedA =
        transposeA ? scope.take<float>((std::min(rows, kBlockRows) + kRows - 1) / kRows * kRows * deepest) : nullptr;
    for (int64_t column = firstColumn; column < lastColumn; column += kBlockColumns) {
      const int64_t end = std::min(column + kBlockColumns, lastColumn);
      forDepths(k, [&](int64_t begin, int64_t depth) {
        const Scale scale = {alpha, begin == 0 ? beta : 1.0f};
        for (int64_t row = firstRow; row < lastRow; row += kBlockRows) {
          const int64_t count = std::min(kBlockRows, lastRow - row);
          if (transposeA) packRows(count, depth, elementOfA(row, begin), lda, packedA);
          const RowBlock block = {transposeA ? packedA : elementOfA(row, begin), lda, transposeA, count, depth};
          for (int64_t j = column; j < end; j += kTogether * kColumns) {
            const int64_t width = std::min(kTogether * kColumns, end - j);
            float* const some = packedB + (inTurn ? 0 : (j - column) * depth);
            if (row == firstRow) pack(begin, depth, j, width, some);
            for (int64_t q = 0; q < width; q += kColumns)
              block.multiply(some + q * depth, PackedPanel(), scale, c + row * ldc + j + q, ldc,
                             std::min<int64_t>(kColumns, width - q));
          }
        }
      });
    }
  }
};

}  // namespace

bool hasBlockedGemm() { return true; }

PackedColumns::PackedColumns(Arena::Scope& scope, bool transposeB, int64_t n, int64_t k, const float* b, int64_t ldb)
    : n_(n), k_(k), panels_(scope.take<float>(panelsOf(n) * kColumns * k)) {
  // Panel after panel, and within one depth after depth.
  parallelFor(panelsOf(n), grainFor(k * kColumns * 8), [&](int64_t first, int64_t last) {
    for (int64_t panel = first; panel < last; ++panel) {
      const int64_t j = panel * kColumns;
      packPanel(transposeB, k, std::min<int64_t>(kColumns, n - j), b + (transposeB ? j * ldb : j), ldb,
                panels_ + j * k);
    }
  });
}

void PackedColumns::multiply(int64_t m, const float* a, int64_t lda, float* c, int64_t ldc) const {
  for (int64_t row = 0; row < m; row += kBlockRows) {
    const int64_t rows = std::min(kBlockRows, m - row);
    forDepths(k_, [&](int64_t begin, int64_t depth) {
      const RowBlock block = {a + row * lda + begin, lda, false, rows, depth};
      const Scale scale = {1.0f, begin == 0 ? 0.0f : 1.0f};
      for (int64_t j = 0; j < n_; j += kColumns)
        block.multiply(panels_ + j * k_ + begin * kColumns, PackedPanel(), scale, c + row * ldc + j, ldc,
                       std::min<int64_t>(kColumns, n_ - j));
    });
  }
}

void blockedGemm(bool transposeA, bool transposeB, int64_t m, int64_t n, int64_t k, float alpha, const float* a,
                 int64_t lda, const float* b, int64_t ldb, float beta, float* c, int64_t ldc) {
  const Product product = {transposeA, transposeB, k, alpha, a, lda, b, ldb, beta, c, ldc};
  // Rows or columns are shared out among the threads, and the depth never is.
  constexpr int64_t kWork = 1 << 16;
  const bool inPlace = product.isInPlace(m);
  const bool byRows = !inPlace && m * kColumns > n * kRows;
  const int64_t unit = byRows ? kRows : kColumns, length = byRows ? m : n, other = byRows ? n : m;
  const int64_t units = (length + unit - 1) / unit;
  parallelFor(units, kWork / (unit * other * k) + 1, [&](int64_t begin, int64_t end) {
    const int64_t first = begin * unit, last = std::min(end * unit, length);
    if (byRows) return product.onThread(first, last, 0, n);
    const int64_t whole = inPlace ? first + (last - first) / kColumns * kColumns : first;
    if (whole > first) product.inPlace(m, first, whole);
    if (whole < last) product.onThread(0, m, whole, last);
  });
}

}  // namespace scmoe

#else

#include "core/error.h"

namespace scmoe {

bool hasBlockedGemm() { return false; }

PackedColumns::PackedColumns(Arena::Scope&, bool, int64_t n, int64_t k, const float*, int64_t)
    : n_(n), k_(k), panels_(nullptr) {
  throw Error("PackedColumns: this build has no products of its own");
}

void PackedColumns::multiply(int64_t, const float*, int64_t, float*, int64_t) const {}

void blockedGemm(bool, bool, int64_t, int64_t, int64_t, float, const float*, int64_t, const float*, int64_t, float,
                 float*, int64_t) {
  throw Error("blockedGemm: this build has no products of its own");
}

}  // namespace scmoe

#endif
