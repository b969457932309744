#pragma once
#include <cstdint>

#include "cpu/mlp.h"

/// Both layers of an MLP in bf16 for many rows, block by block: what is between them, rounded for the next product
/// anyway, never is in memory as float32, and an activation is applied to what the first-level cache holds.
namespace scmoe {

/// Whether an MLP of so many rows is made here: where the gradients of both of its layers are tiled, in bf16.
bool tilesMlp(int64_t rows, int64_t d, int64_t f);

/// As mlpForward() and mlpBackward() of mlp.h. `hidden` are PairedPanels; `pre` has the same panels, row after row of
/// each. `squares`, if any, gets what it is given added.
void tiledMlpForward(const MlpWeights& of, int64_t rows, const float* x, float* y, uint16_t* pre, uint16_t* hidden);
void tiledMlpBackward(const MlpWeights& of, int64_t rows, const float* dy, const float* x, const uint16_t* pre,
                      const uint16_t* hidden, const MlpGradients& to);

}  // namespace scmoe
