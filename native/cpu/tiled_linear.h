#pragma once
#include <cstdint>

#include "cpu/activation.h"

namespace scmoe {

/// linearBackward() of linear.h by tiled_gemm.h, where tilesGradients() says so.
void tiledLinearBackward(bool bf16, int64_t rows, int64_t dIn, int64_t dOut, const float* dy, const float* x,
                         const float* weight, const float* pre, Activation activation, float* dx, float* dWeight,
                         float* dBias, double* squares);

}  // namespace scmoe
