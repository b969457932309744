#pragma once
#include <algorithm>
#include <cstdint>

#include "core/parallel.h"

namespace scmoe {

/// Cuts `rows` into blocks of `size` over the team and calls body(firstRow, rowCount). Few rows stay in one piece on
/// the calling thread, where the product itself may use the team.
template <typename Body>
void forRowBlocks(int64_t rows, int64_t size, const Body& body) {
  const int64_t smallest = 32;
  if (rows < 2 * smallest || threads() == 1) {
    for (int64_t first = 0; first < rows; first += size) body(first, std::min(size, rows - first));
    return;
  }
  parallelFor(rows, smallest, [&](int64_t begin, int64_t end) {
    for (int64_t first = begin; first < end; first += size) body(first, std::min(size, end - first));
  });
}

}  // namespace scmoe
