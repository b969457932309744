#pragma once
#include <cstdint>

#include "cpu/activation.h"

namespace scmoe {

/// activation(x w1 + b1) w2 + b2, with w1 (d, f) and w2 (f, d); biases may be null.
struct MlpWeights {
  int64_t d, f;
  const float *w1, *b1, *w2, *b2;
  Activation activation;
};

/// y (rows, d). pre and hidden (rows, f), the hidden layer before and after the activation, are kept for the gradient:
/// with `halves` in bf16, two numbers in each word, in an order that depends on the sizes.
void mlpForward(const MlpWeights& of, int64_t rows, const float* x, float* y, float* pre, float* hidden, bool halves);

/// What the backward pass writes; `squares`, if any, gets the sums of the squares of dW1 and of dW2.
struct MlpGradients {
  float *dx, *dW1, *dB1, *dW2, *dB2;
  double* squares;
};

/// Reads no biases.
void mlpBackward(const MlpWeights& of, int64_t rows, const float* dy, const float* x, const float* pre,
                 const float* hidden, bool halves, const MlpGradients& to);

}  // namespace scmoe
