#pragma once
#include <algorithm>
#include <cstdint>

#include "cpu/tiled_gemm.h"

namespace scmoe {

/// A matrix (rows, columns) in bf16 that lies as products read it that sum over its rows: kTiledColumns columns after
/// the other, or what is left of them, and of each pair after pair of rows, words of a number and the one below it.
/// Behind all of it is the last one of an odd number of rows, as it is. It takes the place of the matrix.
template <typename Half>
class PairedPanels {
 public:
  PairedPanels(int64_t rows, int64_t columns, Half* memory) : rows_(rows), columns_(columns), memory_(memory) {}

  int64_t pairs() const { return rows_ / 2; }
  /// Numbers of a row in the panel that begins with a column.
  int64_t width(int64_t column) const { return std::min(kTiledColumns, columns_ - column); }
  /// The pair that row `row`, an even one, begins, in the panel that begins with `column`.
  Half* pair(int64_t row, int64_t column) const { return memory_ + 2 * (column * pairs() + row / 2 * width(column)); }
  bool hasSingle() const { return rows_ % 2 == 1; }
  Half* single(int64_t column) const { return memory_ + (rows_ - 1) * columns_ + column; }

 private:
  const int64_t rows_, columns_;
  Half* const memory_;
};

}  // namespace scmoe
