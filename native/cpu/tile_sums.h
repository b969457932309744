#pragma once
#include <cstdint>

namespace scmoe {

/// Where the sums of a tile go, rows `stride` apart. They are added to those at `before`, if any; `squares`, if any,
/// gets the sum of theirs added.
struct TileSums {
  float* to;
  int64_t stride;
  const float* before = nullptr;
  int64_t beforeStride = 0;
  /// Past the caches, where nobody reads them soon and canStream() says so of `to`.
  bool streams = false;
  double* squares = nullptr;

  /// Those of the rows from `row` on.
  TileSums from(int64_t row) const {
    return {to + row * stride, stride, before ? before + row * beforeStride : nullptr, beforeStride, streams, squares};
  }
};

/// Whether whole vectors may be written past the caches from here on.
inline bool canStream(const void* to) { return reinterpret_cast<uintptr_t>(to) % 64 == 0; }

}  // namespace scmoe
