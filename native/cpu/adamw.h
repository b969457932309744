#pragma once
#include <cstdint>
#include <vector>

#include "cpu/random_rounding.h"

namespace scmoe {

struct AdamWStep {
  float beta1, beta2, epsilon;
  float stepSize;        // learningRate / (1 - beta1^t)
  float rootCorrection;  // 1 / sqrt(1 - beta2^t)
  float gradScale;
};

/// One parameter; a new value may be written over the old one (newParameter == parameter).
struct AdamWParameter {
  int64_t count;
  float keep;  // 1 - learningRate * weightDecay
  const float *parameter, *gradient, *m, *v;
  float *newParameter, *newM, *newV;
};

/// One parameter whose moments are bf16 numbers.
struct RoundedAdamWParameter {
  int64_t count;
  float keep;  // 1 - learningRate * weightDecay
  const float *parameter, *gradient;
  const uint16_t *m, *v;
  float* newParameter;
  uint16_t *newM, *newV;
  RoundingKeys keys;
  int64_t first;  // place of the first number, from which those of the others follow
};

/// Updates all parameters in one pass. Threads share the elements evenly, whatever the sizes of the parameters.
void adamW(const AdamWStep& step, const std::vector<AdamWParameter>& parameters);

/// The same with moments in bf16. Each is rounded up as often as it is near the upper of its two neighbours, so that
/// many small changes add up to what they are; the parameter moves by moments that are not rounded yet.
void adamWRounded(const AdamWStep& step, const std::vector<RoundedAdamWParameter>& parameters);

/// Square root of the sum of squares of all arrays, in double. The order of summation depends on the sizes alone, not
/// on the thread count. `known` are sums of squares of further arrays, which whoever wrote those has counted.
double globalNorm(const std::vector<const float*>& arrays, const std::vector<int64_t>& counts,
                  const std::vector<double>& known);

}  // namespace scmoe
