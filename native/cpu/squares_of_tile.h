#pragma once
#include "cpu/simd.h"

namespace scmoe {

/// Sum of the squares of `count` vectors of a tile's sums, of which few are added in float32: those that are too large
/// or too small for that are added in double.
inline double squaresOfTile(const float* sums, int count) {
  Vec all{};
  for (int v = 0; v < count; ++v) all += load(sums + v * kLanes) * load(sums + v * kLanes);
  alignas(64) float lanes[kLanes];
  store(lanes, all);
  double total = 0;
  for (const float lane : lanes) total += static_cast<double>(lane);
  if (total > 1e-24 && total < 1e36) return total;
  double exact = 0;
  for (int i = 0; i < count * kLanes; ++i) exact += static_cast<double>(sums[i]) * static_cast<double>(sums[i]);
  return exact;
}

}  // namespace scmoe
