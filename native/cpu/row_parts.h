#pragma once
#include <algorithm>
#include <cstdint>

#include "core/parallel.h"
#include "cpu/tiled_gemm.h"

namespace scmoe {

/// Blocks of at most kTiledRows rows in as many parts as there are threads. Borders are even, for pairs of rows are one
/// thread's.
struct RowParts {
  explicit RowParts(int64_t count)
      : rows(count), parts(std::max<int64_t>(1, std::min<int64_t>(threads(), count / kFewestRows))) {}

  /// Calls body(part, first, count), the blocks of a part one after the other.
  template <typename Body>
  void forBlocks(const Body& body) const {
    parallelFor(parts, 1, [&](int64_t firstPart, int64_t lastPart) {
      for (int64_t part = firstPart; part < lastPart; ++part) {
        const int64_t end = border(part + 1);
        for (int64_t first = border(part); first < end; first += kTiledRows)
          body(part, first, std::min(kTiledRows, end - first));
      }
    });
  }

  int64_t border(int64_t part) const { return part == parts ? rows : rows * part / parts / 2 * 2; }

  /// Rows that are worth another thread.
  static constexpr int64_t kFewestRows = 32;
  const int64_t rows, parts;
};

}  // namespace scmoe
