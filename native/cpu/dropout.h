#pragma once
#include <cstdint>

namespace scmoe {

/// y = x / (1 - rate) where word i of the Philox4x32-10 sequence (seed, stream), as a number in [0, 1), is at least
/// rate, else 0. The words are those of random/philox.ts.
void dropout(int64_t count, const float* x, float rate, uint64_t seed, uint64_t stream, float* y);

}  // namespace scmoe
