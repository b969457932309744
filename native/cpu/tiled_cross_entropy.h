#pragma once
#include "cpu/linear_cross_entropy.h"

namespace scmoe {

/// Whether linearCrossEntropy() of a head of this size is made here: in bf16, where tiles are (tiled_gemm.h).
bool tilesCrossEntropy(bool bf16, int64_t dIn, int64_t classes);

/// The losses (rows) and gradients of linearCrossEntropy() in tiles whose lanes are tokens: the logits of a tile become
/// exponentials while they are near, and are kept in bf16 beside the largest logit of each token and tile. When all
/// classes of a token are summed they are scaled to gradients, block by block of the classes, and multiplied at once,
/// so that the gradient of the weight is written once. `scale` is what each counted target weighs in the mean.
void tiledCrossEntropy(const LinearCrossEntropy& shape, float scale, const float* x, const float* weight,
                       const float* bias, const int32_t* targets, float* losses, float* dx, float* dWeight,
                       float* dBias);

}  // namespace scmoe
