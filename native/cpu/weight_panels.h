#pragma once
#include <algorithm>
#include <cstdint>

/// How stored weights lie: each matrix (dIn, dOut) in panels of some columns, one panel behind the other and each of
/// them row by row, the last one with the columns that are left. A product of few rows then reads all of it in the
/// order of memory while its sums stay in registers (docs/decisions.md#panels).
namespace scmoe {

constexpr int64_t kPanelColumns = 64;

inline int64_t panelsOf(int64_t dOut) { return (dOut + kPanelColumns - 1) / kPanelColumns; }

/// Calls body(first column, columns) for every panel of a matrix. Its numbers begin at number column * dIn, its scales
/// at column * scaleBlocks(dIn).
template <typename Body>
void forPanels(int64_t dOut, const Body& body) {
  for (int64_t column = 0; column < dOut; column += kPanelColumns) body(column, std::min(kPanelColumns, dOut - column));
}

}  // namespace scmoe
