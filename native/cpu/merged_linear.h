#pragma once
#include <cstdint>
#include <vector>

/// Linear layers that have one input, such as those of queries, keys and values: what is done to the input is done
/// once.
namespace scmoe {

/// y (rows, dOut) = x weight (dIn, dOut) + bias, which may be null.
struct MergedLayer {
  int64_t dOut;
  const float *weight, *bias;
  float* y;
};

void mergedLinearForward(int64_t rows, int64_t dIn, const float* x, const std::vector<MergedLayer>& layers);

struct MergedLayerGradient {
  int64_t dOut;
  const float *dy, *weight;
  float *dWeight, *dBias;
};

/// dx (rows, dIn) is the sum of all layers', added up from the last to the first; in bf16 those that tiles have come
/// first.
void mergedLinearBackward(int64_t rows, int64_t dIn, const float* x, const std::vector<MergedLayerGradient>& layers,
                          float* dx);

}  // namespace scmoe
