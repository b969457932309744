#pragma once
#include <algorithm>
#include <cstdint>

#include "cpu/gemm_tile.h"

#if SCMOE_GEMM_TILE

namespace scmoe::tile {

/// to (depth, 16): some columns of op(B), whose element (p, j) is b[p * ldb + j], or b[j * ldb + p] where it is
/// transposed; zeros beside them.
inline void packPanel(bool transposeB, int64_t depth, int64_t columns, const float* b, int64_t ldb, float* to) {
  if (columns < kColumns) {
    for (int64_t p = 0; p < depth; ++p)
      for (int64_t j = 0; j < kColumns; ++j)
        to[p * kColumns + j] = j >= columns ? 0.0f : transposeB ? b[j * ldb + p] : b[p * ldb + j];
    return;
  }
  const int64_t whole = transposeB ? depth / 8 * 8 : 0;
  // Eight rows of B to their end: rows of 4 KiB share their places in the first-level cache, and sixteen would drive
  // each other out before the next piece of a cache line is read.
  for (int64_t j = 0; j < kColumns && whole > 0; j += 8)
    for (int64_t p = 0; p < whole; p += 8) transposeEight(b + j * ldb + p, ldb, to + p * kColumns + j, kColumns);
  for (int64_t p = whole; p < depth; ++p)
    for (int64_t j = 0; j < kColumns; ++j) to[p * kColumns + j] = transposeB ? b[j * ldb + p] : b[p * ldb + j];
}

}  // namespace scmoe::tile

#endif
