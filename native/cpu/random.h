#pragma once
#include <cstdint>

#include "cpu/philox.h"

namespace scmoe {

/// Elements offset ... offset + count - 1 of the uniform numbers of random/randomTensors.ts, the same bits.
void randomUniform(PhiloxSequence sequence, uint64_t offset, int64_t count, float* out);

/// The same of its normal numbers: computed in float64 and rounded once, without the C library and multiply-adds, so
/// that they are the same on every machine; JavaScript's logarithm and cosine may differ in a last bit.
void randomNormal(PhiloxSequence sequence, uint64_t offset, int64_t count, double mean, double deviation, float* out);

}  // namespace scmoe
