#pragma once
#include "cpu/operand_kinds.h"

#if SCMOE_BF16_PAIRS

/// Blocks of a float32 matrix, rounded to bf16 and brought into an order in which tiles read them: words of 32 bits
/// that are two neighbours along the depth of a product.
namespace scmoe {

inline __mmask16 firstLanes(int64_t count) {
  return static_cast<__mmask16>(count >= kLanes ? 0xffff : count <= 0 ? 0 : (1 << count) - 1);
}

inline Vec loadFirst(__mmask16 lanes, const float* from) {
  return reinterpret_cast<Vec>(_mm512_maskz_loadu_ps(lanes, from));
}

/// to (rows, words), rows `toStride` apart: each row as it lies, with zeros up to a whole vector of words.
inline void pairBlock(int64_t rows, int64_t columns, const float* from, int64_t stride, float* to, int64_t toStride) {
  for (int64_t i = 0; i < rows; ++i, from += stride, to += toStride)
    for (int64_t j = 0; j < columns; j += 2 * kLanes)
      store(to + j / 2, pairsAlong(loadFirst(firstLanes(columns - j), from + j),
                                   loadFirst(firstLanes(columns - j - kLanes), from + j + kLanes)));
}

/// to (columns, words), rows `toStride` apart: the block transposed, with zeros up to a whole vector of words, and up
/// to a whole vector of rows.
inline void turnBlock(int64_t rows, int64_t columns, const float* from, int64_t stride, float* to, int64_t toStride) {
  for (int64_t i = 0; i < rows; i += 2 * kLanes)
    for (int64_t j = 0; j < columns; j += kLanes) {
      const __mmask16 lanes = firstLanes(columns - j);
      const auto row = [&](int64_t r) { return r < rows ? loadFirst(lanes, from + r * stride + j) : Vec{}; };
      Vec square[kLanes];
#pragma GCC unroll 16
      for (int k = 0; k < kLanes; ++k) square[k] = pairUp(row(i + 2 * k), row(i + 2 * k + 1));
      transposeVectors(square);
#pragma GCC unroll 16
      for (int k = 0; k < kLanes; ++k) store(to + (j + k) * toStride + i / 2, square[k]);
    }
}

/// Words [first, last) along the depth of to, which is panel after panel of Width columns, (ceil(rows / 2), Width)
/// each: rows with the ones below them, the last of an odd number with zeros. `columns` is a multiple of kLanes.
template <int64_t Width>
inline void pairPanels(int64_t rows, int64_t columns, const float* from, int64_t first, int64_t last, float* to) {
  // What the hardware foresees comes at half the rate beside so many stores.
  constexpr int64_t kAhead = 1024;
  const int64_t depth = (rows + 1) / 2;
  for (int64_t p = first; p < last; ++p) {
    const float *const upper = from + 2 * p * columns, *const lower = upper + columns;
    const bool isPair = 2 * p + 1 < rows;
    for (int64_t j = 0; j < 2 * columns; j += kLanes) __builtin_prefetch(upper + kAhead + j, 0, 2);
    for (int64_t j = 0; j < columns; j += kLanes)
      store(to + (j / Width * depth + p) * Width + j % Width,
            pairUp(load(upper + j), isPair ? load(lower + j) : Vec{}));
  }
}

/// to (columns / 2, toStride): rows as columns, pairs along each; what is beside them up to a whole vector is 0.
/// `columns` is a multiple of 2 * kLanes.
inline void rowsAsColumns(int64_t rows, int64_t columns, const float* from, int64_t stride, float* to,
                          int64_t toStride) {
  for (int64_t i = 0; i < rows; i += kLanes)
    for (int64_t j = 0; j < columns; j += 2 * kLanes) {
      Vec square[kLanes];
#pragma GCC unroll 16
      for (int k = 0; k < kLanes; ++k) square[k] = i + k < rows ? pairsOf(from + (i + k) * stride + j) : Vec{};
      transposeVectors(square);
#pragma GCC unroll 16
      for (int k = 0; k < kLanes; ++k) store(to + (j / 2 + k) * toStride + i, square[k]);
    }
}

/// to (columns, rows) of from (rows, columns), or what is there with it added.
inline void turnFloats(int64_t rows, int64_t columns, const float* from, int64_t stride, float* to, int64_t toStride,
                       bool adds) {
  for (int64_t i = 0; i < rows; i += kLanes)
    for (int64_t j = 0; j < columns; j += kLanes) {
      const __mmask16 across = firstLanes(columns - j), down = firstLanes(rows - i);
      Vec square[kLanes];
#pragma GCC unroll 16
      for (int k = 0; k < kLanes; ++k)
        square[k] = i + k < rows ? loadFirst(across, from + (i + k) * stride + j) : Vec{};
      transposeVectors(square);
#pragma GCC unroll 16
      for (int k = 0; k < kLanes; ++k) {
        if (j + k >= columns) continue;
        float* const row = to + (j + k) * toStride + i;
        const Vec sum = adds ? loadFirst(down, row) + square[k] : square[k];
        _mm512_mask_storeu_ps(row, down, reinterpret_cast<__m512>(sum));
      }
    }
}

}  // namespace scmoe

#endif
