#pragma once
#include <cstdint>

#include "cpu/operand_kinds.h"

/// Products of matrices small enough to lie in cache, for kernels that make them between other work on the same
/// tiles, where a library call with its own packing costs more than the product.
namespace scmoe {

/// What becomes of the content of C: dropped, added to, or multiplied row by row and then added to.
enum class Onto { kNothing, kSum, kScaledSum };

/// Vectors of one tile's row, so that rows * vectors accumulators and the operands fit into the registers.
constexpr int kTileVectors = kVectorRegisters >= 32 ? 4 : 2;
constexpr int kTileAccumulators = kVectorRegisters >= 32 ? 24 : 12;
constexpr int kTileRows = 12;

constexpr int tileRows(int vectors) {
  return kTileAccumulators / vectors < kTileRows ? kTileAccumulators / vectors : kTileRows;
}

/// A (rows, depth) as it lies, one row `stride` after the other.
struct RowByRow {
  const float* first;
  int64_t stride;

  constexpr int64_t rowStride() const { return stride; }
  RowByRow below(int rows) const { return {first + rows * stride, stride}; }
  void advance(int64_t depth) { first += depth; }
};
/// A transposed: one depth `stride` after the other.
struct DepthByDepth {
  const float* first;
  int64_t stride;

  static constexpr int64_t rowStride() { return 1; }
  DepthByDepth below(int rows) const { return {first + rows, stride}; }
  void advance(int64_t depth) { first += depth * stride; }
};

/// Among the other work of a kernel sixteen registers do not suffice: gcc then keeps the sums in memory, for 2.5 times
/// the time in attention.
#if defined(__AVX__) && !defined(__AVX512F__)
#define SCMOE_TILE_FUNCTION [[gnu::noinline]]
#else
#define SCMOE_TILE_FUNCTION
#endif

/// C (rows, vectors * kLanes) from A (rows, depth) and B (depth, vectors * kLanes) with rows `bRow` apart. A depth is
/// one number of each, or a pair.
template <Onto onto, typename Kind, int rows, int vectors, typename Left>
SCMOE_TILE_FUNCTION inline void productTile(int64_t depth, Left a, const float* b, int64_t bRow, float* c, int64_t cRow,
                                            const float* rowScale) {
  Vec sum[rows][vectors];
#pragma GCC unroll 12
  for (int i = 0; i < rows; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < vectors; ++j) {
      if (onto == Onto::kNothing) sum[i][j] = Vec{};
      if (onto == Onto::kSum) sum[i][j] = load(c + i * cRow + j * kLanes);
      if (onto == Onto::kScaledSum) sum[i][j] = rowScale[i] * load(c + i * cRow + j * kLanes);
    }
  const int64_t rowStride = a.rowStride();
  for (; depth > 0; --depth, a.advance(1), b += bRow) {
    Vec right[vectors];
#pragma GCC unroll 4
    for (int j = 0; j < vectors; ++j) {
      right[j] = load(b + j * kLanes);
      Kind::hold(right[j]);
    }
#pragma GCC unroll 12
    for (int i = 0; i < rows; ++i) {
      const Vec left = Kind::spread(a.first[i * rowStride]);
#pragma GCC unroll 4
      for (int j = 0; j < vectors; ++j) Kind::multiplyAdd(left, right[j], sum[i][j]);
    }
  }
#pragma GCC unroll 12
  for (int i = 0; i < rows; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < vectors; ++j) store(c + i * cRow + j * kLanes, sum[i][j]);
}

/// Vectors of a tile that has a single row: as many sums side by side as hide the time that a multiply-add takes.
constexpr int kRowVectors = 8;

/// As productTile for one row, with the operands in memory.
template <Onto onto, typename Kind, typename Left>
inline void productRow(int64_t depth, Left a, const float* b, int64_t bRow, float* c, const float* rowScale) {
  Vec sum[kRowVectors];
#pragma GCC unroll 8
  for (int j = 0; j < kRowVectors; ++j) {
    if (onto == Onto::kNothing) sum[j] = Vec{};
    if (onto == Onto::kSum) sum[j] = load(c + j * kLanes);
    if (onto == Onto::kScaledSum) sum[j] = rowScale[0] * load(c + j * kLanes);
  }
  for (; depth > 0; --depth, a.advance(1), b += bRow) {
    const Vec left = Kind::spread(a.first[0]);
#pragma GCC unroll 8
    for (int j = 0; j < kRowVectors; ++j) Kind::multiplyAdd(left, load(b + j * kLanes), sum[j]);
  }
#pragma GCC unroll 8
  for (int j = 0; j < kRowVectors; ++j) store(c + j * kLanes, sum[j]);
}

template <Onto onto, typename Kind, int rows, int vectors, typename Left>
inline void productRows(int64_t count, int64_t depth, Left a, const float* b, int64_t bRow, float* c, int64_t cRow,
                        const float* rowScale) {
  while (count >= rows) {
    productTile<onto, Kind, rows, vectors>(depth, a, b, bRow, c, cRow, rowScale);
    count -= rows;
    a = a.below(rows);
    c += rows * cRow;
    if (onto == Onto::kScaledSum) rowScale += rows;
  }
  if constexpr (rows > 1) productRows<onto, Kind, rows / 2, vectors>(count, depth, a, b, bRow, c, cRow, rowScale);
}

/// As productTile, for any number of rows and vectors.
template <Onto onto, typename Kind = Numbers, typename Left>
inline void smallProduct(int64_t rows, int64_t vectors, int64_t depth, Left a, const float* b, int64_t bRow, float* c,
                         int64_t cRow, const float* rowScale = nullptr) {
  if (rows == 1)
    for (; vectors >= kRowVectors; vectors -= kRowVectors, b += kRowVectors * kLanes, c += kRowVectors * kLanes)
      productRow<onto, Kind>(depth, a, b, bRow, c, rowScale);
  for (; vectors > 0; vectors -= kTileVectors, b += kTileVectors * kLanes, c += kTileVectors * kLanes) {
    switch (vectors) {
      case 1: productRows<onto, Kind, tileRows(1), 1>(rows, depth, a, b, bRow, c, cRow, rowScale); break;
#if !defined(__AVX__) || defined(__AVX512F__)
      case 2: productRows<onto, Kind, tileRows(2), 2>(rows, depth, a, b, bRow, c, cRow, rowScale); break;
      case 3: productRows<onto, Kind, tileRows(3), 3>(rows, depth, a, b, bRow, c, cRow, rowScale); break;
#endif
      default:
        productRows<onto, Kind, tileRows(kTileVectors), kTileVectors>(rows, depth, a, b, bRow, c, cRow, rowScale);
    }
  }
}

}  // namespace scmoe
