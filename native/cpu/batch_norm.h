#pragma once
#include <cstdint>

namespace scmoe {

/// y = (x - mean) * scale / sqrt(variance + epsilon) + offset for each of `channels` columns. @param scale 1 where it
/// is null
/// @param offset 0 where it is null
void batchNorm(int64_t rows, int64_t channels, float epsilon, const float* x, const float* mean, const float* variance,
               const float* scale, const float* offset, float* y);

}  // namespace scmoe
