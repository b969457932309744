#pragma once
#include <cstdint>

#include "cpu/operand_kinds.h"
#include "cpu/squares_of_tile.h"
#include "cpu/tile_sums.h"
#include "cpu/tiled_gemm.h"

#if SCMOE_BF16_PAIRS

/// Sums in registers of some rows and a panel of columns, whose words lie depth after depth: what all tiles of a
/// training step's products are made of.
namespace scmoe::panels {

/// Sums of a tile: six rows and four vectors, which leaves registers for the operands.
constexpr int kRows = 6, kVectors = 4;
constexpr int64_t kColumns = kVectors * kLanes;
static_assert(kColumns == kTiledColumns);
static_assert(kTiledRows % kRows == 0);
static_assert(kTiledUnit == 2 * kLanes);

/// Words of room beside those of a row, for rows that are a multiple of 4 KiB apart share their places in the caches.
constexpr int64_t kBeside = kLanes;

/// Tiles of about one size that `rows` are cut into, and the first row of each.
inline int64_t tilesOf(int64_t rows) { return (rows + kRows - 1) / kRows; }
inline int64_t firstRow(int64_t rows, int64_t tile) { return rows * tile / tilesOf(rows); }

/// Zeros, and their place asked for.
template <int Rows, int Vectors>
[[gnu::always_inline]] inline void beginSums(Vec (&sum)[Rows][Vectors], const TileSums& of) {
#pragma GCC unroll 6
  for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) {
      sum[i][v] = Vec{};
      if (!of.streams) __builtin_prefetch(of.to + i * of.stride + v * kLanes, 1);
    }
}

/// One depth: leftOf(i) is row i's word, b has those of the columns.
template <typename Kind, int Rows, int Vectors, typename LeftOf>
[[gnu::always_inline]] inline void addDepth(const LeftOf& leftOf, const float* b, Vec (&sum)[Rows][Vectors]) {
  Vec right[Vectors];
#pragma GCC unroll 4
  for (int v = 0; v < Vectors; ++v) right[v] = load(b + v * kLanes);
#pragma GCC unroll 6
  for (int i = 0; i < Rows; ++i) {
    const Vec left = Kind::spread(leftOf(i));
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) Kind::multiplyAdd(left, right[v], sum[i][v]);
  }
}

/// Writes the sums where they go.
template <typename Kind, int Rows, int Vectors>
[[gnu::always_inline]] inline void finishSums(Vec (&sum)[Rows][Vectors], const TileSums& of) {
  if (of.before)
#pragma GCC unroll 6
    for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) sum[i][v] = load(of.before + i * of.beforeStride + v * kLanes) + sum[i][v];
  if (Kind::kDepths == 1 && of.squares) {
    alignas(64) float all[Rows][Vectors * kLanes];  // a copy: sums whose place is asked for would not be in registers
#pragma GCC unroll 6
    for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) store(all[i] + v * kLanes, sum[i][v]);
    *of.squares += squaresOfTile(all[0], Rows * Vectors);
  }
  const auto write = [&]() __attribute__((always_inline)) {
#pragma GCC unroll 6
    for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) {
        float* const to = of.to + i * of.stride + v * kLanes;
        if (of.streams)
          _mm512_stream_ps(to, reinterpret_cast<__m512>(sum[i][v]));
        else
          store(to, sum[i][v]);
      }
  };
  if (Kind::kDepths == 2 && of.squares) {
    const SquaresInRegisters<Rows, Vectors> squares(sum);
    write();
    *of.squares += squares.of(of.to, of.stride);
  } else {
    write();
  }
}

}  // namespace scmoe::panels

#endif
