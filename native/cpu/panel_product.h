#pragma once
#include <algorithm>
#include <cstdint>

#include "cpu/gemm_depths.h"
#include "cpu/operand_kinds.h"
#include "cpu/panel_tile.h"

#if SCMOE_BF16_PAIRS

/// A product of some rows and a panel of columns, which lie as tiles read them: what tiled_gemm.h and
/// tiled_weight_gradient.h have in common.
namespace scmoe::panels {

inline int64_t panelsOf(int64_t columns) { return (columns + kColumns - 1) / kColumns; }
inline int64_t vectorsFrom(int64_t column, int64_t columns) {
  return std::min<int64_t>(kVectors, (columns - column) / kLanes);
}

/// How words of A lie that a tile reads.
enum class LeftOrder {
  /// Rows, `stride` words apart.
  kRows,
  /// What one tile reads: kRows words of each depth side by side; tiles are `stride` words apart.
  kTiles,
};

template <LeftOrder Order>
struct Left {
  const float* first;
  int64_t stride;

  const float* at(int64_t firstRow, int64_t tile, int64_t depth) const {
    return Order == LeftOrder::kRows ? first + firstRow * stride + depth : first + tile * stride + depth * kRows;
  }
};

template <typename Kind, LeftOrder Order, int Rows, int Vectors>
[[gnu::noinline]] void tile(int64_t depth, const float* a, int64_t aStride, const float* b, const TileSums& sums) {
  constexpr int64_t kStep = Order == LeftOrder::kRows ? 1 : kRows;
  Vec sum[Rows][Vectors];
  beginSums(sum, sums);
  for (int64_t p = 0; p < depth; ++p, a += kStep, b += kColumns)
    addDepth<Kind>([&](int i) { return Order == LeftOrder::kRows ? a[i * aStride] : a[i]; }, b, sum);
  finishSums<Kind>(sum, sums);
}

using Tile = void (*)(int64_t, const float*, int64_t, const float*, const TileSums&);

template <typename Kind, LeftOrder Order, int Vectors>
constexpr Tile kTiles[kRows] = {tile<Kind, Order, 1, Vectors>, tile<Kind, Order, 2, Vectors>,
                                tile<Kind, Order, 3, Vectors>, tile<Kind, Order, 4, Vectors>,
                                tile<Kind, Order, 5, Vectors>, tile<Kind, Order, 6, Vectors>};

template <typename Kind, LeftOrder Order>
Tile tileOf(int64_t rows, int64_t vectors) {
  const Tile* const all[] = {kTiles<Kind, Order, 1>, kTiles<Kind, Order, 2>, kTiles<Kind, Order, 3>,
                             kTiles<Kind, Order, 4>};
  return all[vectors - 1][rows - 1];
}

/// Rows of A, of a depth of k, times one panel. What is summed piece by piece is kept at `held`, and goes to `target`
/// at the end; with `adds` it is added to what is at `held` before.
template <typename Kind, LeftOrder Order>
void multiplyPanel(int64_t rows, int64_t vectors, int64_t k, const Left<Order>& a, const float* panel, float* held,
                   int64_t heldStride, const TileSums& target, bool adds = false) {
  forLibraryDepths<Kind>(k, [&](int64_t begin, int64_t size) {
    const int64_t from = begin / Kind::kDepths, depth = (size + Kind::kDepths - 1) / Kind::kDepths;
    TileSums sums = begin + size == k ? target : TileSums{held, heldStride};
    if (begin > 0 || adds) sums.before = held, sums.beforeStride = heldStride;
    for (int64_t t = 0; t < tilesOf(rows); ++t) {
      const int64_t first = firstRow(rows, t), last = firstRow(rows, t + 1);
      tileOf<Kind, Order>(last - first, vectors)(depth, a.at(first, t, from), a.stride, panel + from * kColumns,
                                                 sums.from(first));
    }
  });
}

template <typename Body>
void withKind(bool bf16, const Body& body) {
  if (bf16) return body(Pairs());
  body(Numbers());
}

inline int64_t depthOf(bool bf16, int64_t k) { return bf16 ? (k + 1) / 2 : k; }

}  // namespace scmoe::panels

#endif
