#pragma once
#include <cstdint>

#include "cpu/activation.h"

namespace scmoe {

/// y (rows, dOut) = activation(x (rows, dIn) weight (dIn, dOut) + bias (dOut)). `bias` may be null. `pre`
/// receives the value before the activation; null where nobody will ask for the gradient, or where there is no
/// activation. `float32` keeps the product out of bf16.
void linearForward(int64_t rows, int64_t dIn, int64_t dOut, const float* x, const float* weight, const float* bias,
                   Activation activation, bool float32, float* y, float* pre);

/// What linearForward makes of a product (rows, dOut): y = activation(product + bias). `product` gets the bias where it
/// is not y itself.
void finishRows(int64_t rows, int64_t dOut, const float* bias, Activation activation, float* product, float* y);

/// Gradients of linearForward: dx (rows, dIn), dWeight (dIn, dOut), dBias (dOut); each may be null.
void linearBackward(int64_t rows, int64_t dIn, int64_t dOut, const float* dy, const float* x, const float* weight,
                    const float* pre, Activation activation, bool float32, float* dx, float* dWeight, float* dBias);

}  // namespace scmoe
