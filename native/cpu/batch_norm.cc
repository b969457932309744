#include "cpu/batch_norm.h"

#include <cmath>

#include "core/arena.h"
#include "core/parallel.h"

namespace scmoe {

void batchNorm(int64_t rows, int64_t channels, float epsilon, const float* x, const float* mean, const float* variance,
               const float* scale, const float* offset, float* y) {
  Arena::Scope scope;
  auto* const factors = scope.take<float>(channels);
  for (int64_t c = 0; c < channels; ++c) factors[c] = (scale ? scale[c] : 1.0f) / std::sqrt(variance[c] + epsilon);
  parallelFor(rows, grainFor(channels * 8), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float* const from = x + i * channels;
      float* const to = y + i * channels;
      if (offset) {
#pragma omp simd
        for (int64_t c = 0; c < channels; ++c) to[c] = (from[c] - mean[c]) * factors[c] + offset[c];
      } else {
#pragma omp simd
        for (int64_t c = 0; c < channels; ++c) to[c] = (from[c] - mean[c]) * factors[c];
      }
    }
  });
}

}  // namespace scmoe
