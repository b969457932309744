#pragma once
#include <algorithm>
#include <cstdint>

#include "cpu/gemm_depths.h"
#include "cpu/operand_kinds.h"
#include "cpu/squares_of_tile.h"
#include "cpu/tiled_gemm.h"

#if SCMOE_BF16_PAIRS

/// A product of some rows and a panel of columns, which lie as tiles read them: what tiled_gemm.h and
/// tiled_weight_gradient.h have in common.
namespace scmoe::panels {

/// Sums of a tile: six rows and four vectors, which leaves registers for the operands.
constexpr int kRows = 6, kVectors = 4;
constexpr int64_t kColumns = kVectors * kLanes;
static_assert(kColumns == kTiledColumns);
static_assert(kTiledRows % kRows == 0);

/// Room beside the words of a row, for rows that are a multiple of 4 KiB apart share their places in the caches.
constexpr int64_t kBeside = kLanes;

inline int64_t panelsOf(int64_t columns) { return (columns + kColumns - 1) / kColumns; }
inline int64_t vectorsFrom(int64_t column, int64_t columns) {
  return std::min<int64_t>(kVectors, (columns - column) / kLanes);
}

/// Tiles of about one size that `rows` are cut into, and the first row of each.
inline int64_t tilesOf(int64_t rows) { return (rows + kRows - 1) / kRows; }
inline int64_t firstRow(int64_t rows, int64_t tile) { return rows * tile / tilesOf(rows); }

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

/// Where sums go, past the caches where nobody reads them soon; `squares`, if any, gets the sum of theirs added.
struct Target {
  float* to;
  int64_t stride;
  bool streams;
  double* squares = nullptr;
};

template <typename Kind, LeftOrder Order, int Rows, int Vectors>
[[gnu::noinline]] void tile(int64_t depth, const float* a, int64_t aStride, const float* b, const float* before,
                            int64_t beforeStride, const Target& target) {
  constexpr int64_t kStep = Order == LeftOrder::kRows ? 1 : kRows;
  Vec sum[Rows][Vectors];
#pragma GCC unroll 6
  for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) {
      sum[i][v] = Vec{};
      if (!target.streams) __builtin_prefetch(target.to + i * target.stride + v * kLanes, 1);
    }
  for (int64_t p = 0; p < depth; ++p, a += kStep, b += kColumns) {
    Vec right[Vectors];
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) right[v] = load(b + v * kLanes);
#pragma GCC unroll 6
    for (int i = 0; i < Rows; ++i) {
      const Vec left = Kind::spread(Order == LeftOrder::kRows ? a[i * aStride] : a[i]);
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) Kind::multiplyAdd(left, right[v], sum[i][v]);
    }
  }
  if (before)
#pragma GCC unroll 6
    for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) sum[i][v] = load(before + i * beforeStride + v * kLanes) + sum[i][v];
  if (Kind::kDepths == 1 && target.squares) {
    alignas(64) float all[Rows][Vectors * kLanes];  // a copy: sums whose place is asked for would not be in registers
#pragma GCC unroll 6
    for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) store(all[i] + v * kLanes, sum[i][v]);
    *target.squares += squaresOfTile(all[0], Rows * Vectors);
  }
  const auto write = [&]() __attribute__((always_inline)) {
#pragma GCC unroll 6
    for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) {
        float* const to = target.to + i * target.stride + v * kLanes;
        if (target.streams)
          _mm512_stream_ps(to, reinterpret_cast<__m512>(sum[i][v]));
        else
          store(to, sum[i][v]);
      }
  };
  if (Kind::kDepths == 2 && target.squares) {
    const SquaresInRegisters<Rows, Vectors> squares(sum);
    write();
    *target.squares += squares.of(target.to, target.stride);
  } else {
    write();
  }
}

using Tile = void (*)(int64_t, const float*, int64_t, const float*, const float*, int64_t, const Target&);

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
                   int64_t heldStride, const Target& target, bool adds = false) {
  forLibraryDepths<Kind>(k, [&](int64_t begin, int64_t size) {
    const int64_t from = begin / Kind::kDepths, depth = (size + Kind::kDepths - 1) / Kind::kDepths;
    const bool isLast = begin + size == k;
    for (int64_t t = 0; t < tilesOf(rows); ++t) {
      const int64_t first = firstRow(rows, t), last = firstRow(rows, t + 1);
      float* const own = held + first * heldStride;
      tileOf<Kind, Order>(last - first, vectors)(
          depth, a.at(first, t, from), a.stride, panel + from * kColumns, begin > 0 || adds ? own : nullptr, heldStride,
          isLast ? Target{target.to + first * target.stride, target.stride, target.streams, target.squares}
                 : Target{own, heldStride, false});
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
