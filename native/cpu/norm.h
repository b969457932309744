#pragma once
#include <cstdint>

namespace scmoe {

/// y = (x - mean) * rstd * weight + bias for each of `rows` rows of length d; mean and rstd (rows) are kept.
void layerNormForward(int64_t rows, int64_t d, const float* x, const float* weight, const float* bias, float epsilon,
                      float* y, float* mean, float* rstd);
/// Gradients: dx (rows, d), which with `adds` is what they are added to, dWeight (d), dBias (d).
void layerNormBackward(int64_t rows, int64_t d, const float* dy, const float* x, const float* weight, const float* mean,
                       const float* rstd, bool adds, float* dx, float* dWeight, float* dBias);

/// y = x * rstd * weight; rstd (rows) = 1 / sqrt(mean(x^2) + epsilon) is kept.
void rmsNormForward(int64_t rows, int64_t d, const float* x, const float* weight, float epsilon, float* y, float* rstd);
void rmsNormBackward(int64_t rows, int64_t d, const float* dy, const float* x, const float* weight, const float* rstd,
                     bool adds, float* dx, float* dWeight);

}  // namespace scmoe
