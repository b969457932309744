#pragma once
#include <cstdint>

#include "cpu/activation.h"
#include "cpu/expert_rows.h"

namespace scmoe {

/// y (R, d) = activation(x w1 + b1) w2 + b2 of each row's expert; rows of no expert give zero. pre and hidden (R, f)
/// are the hidden layer before and after the activation; null where nobody will ask for the gradient. With `halves`
/// they are in bf16, two numbers in each word. Biases may be null. Throws where the counts do not fit. `squares` gets
/// the sums of the squares of dW1 and of dW2, which are counted while they are written: to read them again for the norm
/// is as much as to write them. It may be null.
void groupedFfnForward(const ExpertRows& group, const float* x, const float* w1, const float* b1, const float* w2,
                       const float* b2, Activation activation, float* y, float* pre, float* hidden, bool halves);
void groupedFfnBackward(const ExpertRows& group, const float* dy, const float* x, const float* w1, const float* w2,
                        const float* pre, const float* hidden, bool halves, Activation activation, float* dx,
                        float* dW1, float* dB1, float* dW2, float* dB2, double* squares);

/// y (R, d) = (silu(x gate) * (x up)) down of each row's expert; gated and raised (R, f) are kept,
/// null where nobody will ask for the gradient. `squares` as above, of dGate, dUp and dDown.
void groupedSwigluForward(const ExpertRows& group, const float* x, const float* gate, const float* up,
                          const float* down, float* y, float* gated, float* raised);
void groupedSwigluBackward(const ExpertRows& group, const float* dy, const float* x, const float* gate, const float* up,
                           const float* down, const float* gated, const float* raised, float* dx, float* dGate,
                           float* dUp, float* dDown, double* squares);

}  // namespace scmoe
