#include "cpu/ordered_product.h"

#include <algorithm>
#include <cstring>

#include "core/arena.h"
#include "core/error.h"
#include "core/parallel.h"
#include "cpu/gemm_depths.h"
#include "cpu/gemm_tile.h"
#include "cpu/tile_panel.h"

#if SCMOE_GEMM_TILE

namespace scmoe {

namespace {

using tile::kPart;
using tile::kRows;
static_assert(kOrderedColumns == tile::kColumns, "panels are as wide as a tile");

/// Tiles of rows that are multiplied with a piece of the weight while it is near; their own depths are read past it,
/// in the order of memory, from a cache further away.
constexpr int64_t kTilesTogether = 80;

/// to (depth, 6): up to six rows as tile::PackedRows has them. Eight rows are read where there are.
void packRows(int64_t rows, int64_t depth, const float* a, int64_t lda, bool hasEight, float* to) {
  int64_t p = 0;
  if (hasEight)
    for (; p + 4 <= depth; p += 4)
      for (int64_t i = 0; i < kRows; i += kPart) {
        tile::Part elements[4];
        tile::transposeRows(a + i * lda + p, lda, elements);
        for (int64_t q = 0; q < 4; ++q)
          std::memcpy(to + (p + q) * kRows + i, &elements[q], std::min<int64_t>(kPart, kRows - i) * sizeof(float));
      }
  for (; p < depth; ++p)
    for (int64_t i = 0; i < rows; ++i) to[p * kRows + i] = a[i * lda + p];
}

/// Rows in the order in which tiles read them: rows a multiple of 4 KiB apart share their places in the first-level
/// cache and would drive out a panel that the next tile reads again.
class TileRows {
 public:
  TileRows(Arena::Scope& scope, int64_t rows, int64_t k, const float* a)
      : rows_(rows), tiles_((rows + kRows - 1) / kRows), packed_(scope.take<float>(tiles_ * kRows * k)) {
    parallelFor(tiles_, grainFor(kRows * k * 8), [&](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; ++t)
        forDepths(k, [&](int64_t from, int64_t depth) {
          packRows(first(t + 1) - first(t), depth, a + first(t) * k + from, k, first(t) + 8 <= rows,
                   packed_ + (from * tiles_ + t * depth) * kRows);
        });
    });
  }

  int64_t tiles() const { return tiles_; }
  /// The first row of a tile: they are of about one size, for one of up to three rows takes the time of four.
  int64_t first(int64_t t) const { return rows_ * t / tiles_; }

  /// C (rows of some tiles, columns), or onto it, of depths from `begin` on and a panel of the same.
  void multiply(int64_t firstTile, int64_t lastTile, int64_t begin, int64_t depth, const float* panel, float* c,
                int64_t ldc, int64_t columns, tile::Asking& asking) const {
    const tile::Scale scale = {1.0f, begin == 0 ? 0.0f : 1.0f};
    for (int64_t t = firstTile; t < lastTile; ++t)
      tile::multiplyRows(first(t + 1) - first(t), depth, packed_ + (begin * tiles_ + t * depth) * kRows,
                         tile::PackedRows(), panel, tile::PackedPanel(), scale, c + first(t) * ldc, ldc, columns,
                         asking);
  }

 private:
  const int64_t rows_, tiles_;
  float* const packed_;
};

}  // namespace

void orderTransposed(int64_t depth, int64_t columns, const float* weight, int64_t dIn, float* to) {
  tile::packPanel(true, depth, columns, weight, dIn, to);
}

void orderedProduct(int64_t rows, const float* x, const UnorderedWeight& weight, float* y) {
  const int64_t dIn = weight.dIn, dOut = weight.dOut, together = weight.together;
  Arena::Scope scope;
  const TileRows left(scope, rows, dIn, x);
  const int64_t blocks = (left.tiles() + kTilesTogether - 1) / kTilesTogether;
  parallelFor((dOut + together - 1) / together, 1, [&](int64_t firstGroup, int64_t lastGroup) {
    Arena::Scope own;
    const int64_t size = together * std::min(dIn, kDepth);
    auto* const panels = own.take<float>(size);
    std::fill(panels, panels + size, 0.0f);  // what is beside the last columns is multiplied too
    const int64_t end = std::min(lastGroup * together, dOut);
    for (int64_t block = 0; block < blocks; ++block) {
      const int64_t firstTile = left.tiles() * block / blocks, lastTile = left.tiles() * (block + 1) / blocks;
      for (int64_t column = firstGroup * together; column < end; column += together) {
        const int64_t columns = std::min(together, end - column), behind = std::min(together, end - column - columns);
        const int64_t tiles = (lastTile - firstTile) * ((columns + kOrderedColumns - 1) / kOrderedColumns);
        tile::Asking asking(static_cast<const char*>(weight.first) + (column + columns) * weight.bytesOfColumn,
                            behind * weight.bytesOfColumn, tiles * dIn);
        forDepths(dIn, [&](int64_t begin, int64_t depth) {
          weight.order(column, columns, begin, depth, panels);
          for (int64_t j = 0; j < columns; j += kOrderedColumns)
            left.multiply(firstTile, lastTile, begin, depth, panels + j * depth, y + column + j, dOut,
                          std::min(kOrderedColumns, columns - j), asking);
        });
      }
    }
  });
}

}  // namespace scmoe

#else

namespace scmoe {

void orderTransposed(int64_t, int64_t, const float*, int64_t, float*) {
  throw Error("orderTransposed: this build has no products of its own");
}

void orderedProduct(int64_t, const float*, const UnorderedWeight&, float*) {
  throw Error("orderedProduct: this build has no products of its own");
}

}  // namespace scmoe

#endif
