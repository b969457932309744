#pragma once
#include <cstdint>
#include <vector>

#include "cpu/activation.h"

namespace scmoe {

/// A linear layer (dIn, dOut) of which gradients are made, as linearBackward() of linear.h has it.
struct TiledLayer {
  int64_t dOut;
  const float *dy, *weight, *pre;
  Activation activation;
  float *dWeight, *dBias;
  double* squares;
};

/// linearBackward() by tiled_gemm.h, where tilesGradients() says so, of layers that all have the input x (rows, dIn).
/// dx is the sum of theirs, added up from the last layer to the first.
void tiledLinearBackward(bool bf16, int64_t rows, int64_t dIn, const float* x, const std::vector<TiledLayer>& layers,
                         float* dx);

}  // namespace scmoe
