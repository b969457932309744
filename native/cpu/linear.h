#pragma once
#include <cstdint>

#include "cpu/activation.h"
#include "cpu/weight_ahead.h"

namespace scmoe {

/// y (rows, dOut) = activation(x (rows, dIn) weight (dIn, dOut) + bias (dOut)). `bias` may be null. `pre`
/// receives the value before the activation; null where nobody will ask for the gradient, or where there is no
/// activation. `float32` keeps the product out of bf16. `ahead` is for products of few rows, one after the other.
void linearForward(int64_t rows, int64_t dIn, int64_t dOut, const float* x, const float* weight, const float* bias,
                   Activation activation, bool float32, float* y, float* pre, WeightAhead* ahead = nullptr);

/// What linearForward makes of a product (rows, dOut): y = activation(product + bias). `product` gets the bias where it
/// is not y itself.
void finishRows(int64_t rows, int64_t dOut, const float* bias, Activation activation, float* product, float* y);

/// Gradients of linearForward: dx (rows, dIn), dWeight (dIn, dOut), dBias (dOut); each may be null. Adds the sum of
/// the squares of dWeight to `squares` unless that is null.
void linearBackward(int64_t rows, int64_t dIn, int64_t dOut, const float* dy, const float* x, const float* weight,
                    const float* pre, Activation activation, bool float32, float* dx, float* dWeight, float* dBias,
                    double* squares = nullptr, WeightAhead* ahead = nullptr);

}  // namespace scmoe
