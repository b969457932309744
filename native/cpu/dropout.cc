#include "cpu/dropout.h"

#include <algorithm>

#include "core/parallel.h"
#include "cpu/philox.h"

namespace scmoe {

void dropout(int64_t count, const float* x, float rate, uint64_t seed, uint64_t stream, float* y) {
  const float scale = 1.0f / (1.0f - rate);
  const int64_t blocks = (count + 3) / 4;
  parallelFor((blocks + kPhiloxBlocks - 1) / kPhiloxBlocks, 32, [&](int64_t begin, int64_t end) {
    uint32_t words[kPhiloxWords];
    for (int64_t run = begin; run < end; ++run) {
      philoxWords({seed, stream}, static_cast<uint64_t>(run) * kPhiloxBlocks, words);
      const int64_t start = run * kPhiloxWords, length = std::min(kPhiloxWords, count - start);
#pragma omp simd
      for (int64_t i = 0; i < length; ++i) y[start + i] = uniformOf(words[i]) >= rate ? x[start + i] * scale : 0.0f;
    }
  });
}

}  // namespace scmoe
