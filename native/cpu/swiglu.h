#pragma once
#include <cstdint>

namespace scmoe {

/// hidden = silu(gated) * raised.
void multiplySilu(int64_t count, const float* gated, const float* raised, float* hidden);

/// y (rows, d) = (silu(gated) * raised) down with gated = x gate and raised = x up, both (rows, f) and kept;
/// null where nobody will ask for the gradient.
void swigluForward(int64_t rows, int64_t d, int64_t f, const float* x, const float* gate, const float* up,
                   const float* down, float* y, float* gated, float* raised);
/// Gradients: dx (rows, d), dGate and dUp (d, f), dDown (f, d).
void swigluBackward(int64_t rows, int64_t d, int64_t f, const float* dy, const float* x, const float* gate,
                    const float* up, const float* down, const float* gated, const float* raised, float* dx,
                    float* dGate, float* dUp, float* dDown);

}  // namespace scmoe
