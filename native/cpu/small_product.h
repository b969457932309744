#pragma once
#include <cstdint>

#include "cpu/simd.h"

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

/// C (rows, vectors * kLanes) from A (rows, depth), element (i, p) at a[i * aRow + p * aStep], and
/// B (depth, vectors * kLanes) with rows `bRow` apart.
template <Onto onto, int rows, int vectors>
inline void productTile(int64_t depth, const float* a, int64_t aRow, int64_t aStep, const float* b, int64_t bRow,
                        float* c, int64_t cRow, const float* rowScale) {
  Vec sum[rows][vectors];
#pragma GCC unroll 12
  for (int i = 0; i < rows; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < vectors; ++j) {
      if (onto == Onto::kNothing) sum[i][j] = Vec{};
      if (onto == Onto::kSum) sum[i][j] = load(c + i * cRow + j * kLanes);
      if (onto == Onto::kScaledSum) sum[i][j] = rowScale[i] * load(c + i * cRow + j * kLanes);
    }
  for (int64_t p = 0; p < depth; ++p) {
    Vec right[vectors];
#pragma GCC unroll 4
    for (int j = 0; j < vectors; ++j) right[j] = load(b + p * bRow + j * kLanes);
#pragma GCC unroll 12
    for (int i = 0; i < rows; ++i) {
      const Vec left = broadcast(a[i * aRow + p * aStep]);
#pragma GCC unroll 4
      for (int j = 0; j < vectors; ++j) sum[i][j] += left * right[j];
    }
  }
#pragma GCC unroll 12
  for (int i = 0; i < rows; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < vectors; ++j) store(c + i * cRow + j * kLanes, sum[i][j]);
}

template <Onto onto, int rows, int vectors>
inline void productRows(int64_t count, int64_t depth, const float* a, int64_t aRow, int64_t aStep, const float* b,
                        int64_t bRow, float* c, int64_t cRow, const float* rowScale) {
  while (count >= rows) {
    productTile<onto, rows, vectors>(depth, a, aRow, aStep, b, bRow, c, cRow, rowScale);
    count -= rows;
    a += rows * aRow;
    c += rows * cRow;
    if (onto == Onto::kScaledSum) rowScale += rows;
  }
  if constexpr (rows > 1)
    productRows<onto, rows / 2, vectors>(count, depth, a, aRow, aStep, b, bRow, c, cRow, rowScale);
}

/// As productTile, for any number of rows and vectors.
template <Onto onto>
inline void smallProduct(int64_t rows, int64_t vectors, int64_t depth, const float* a, int64_t aRow, int64_t aStep,
                         const float* b, int64_t bRow, float* c, int64_t cRow, const float* rowScale = nullptr) {
  for (; vectors > 0; vectors -= kTileVectors, b += kTileVectors * kLanes, c += kTileVectors * kLanes) {
    switch (vectors) {
      case 1: productRows<onto, tileRows(1), 1>(rows, depth, a, aRow, aStep, b, bRow, c, cRow, rowScale); break;
#if !defined(__AVX__) || defined(__AVX512F__)
      case 2: productRows<onto, tileRows(2), 2>(rows, depth, a, aRow, aStep, b, bRow, c, cRow, rowScale); break;
      case 3: productRows<onto, tileRows(3), 3>(rows, depth, a, aRow, aStep, b, bRow, c, cRow, rowScale); break;
#endif
      default:
        productRows<onto, tileRows(kTileVectors), kTileVectors>(rows, depth, a, aRow, aStep, b, bRow, c, cRow,
                                                                rowScale);
    }
  }
}

}  // namespace scmoe
