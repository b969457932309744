#include "cpu/softmax.h"

#include "core/parallel.h"
#include "cpu/simd.h"
#include "cpu/vector_math.h"

namespace scmoe {

void softmax(const float* x, float* out, int64_t rows, int64_t columns) {
  parallelFor(rows, 16384 / columns + 1, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const float* from = x + r * columns;
      float* to = out + r * columns;
      const float most = largestOf(from, columns);
      float sum = 0;
#pragma omp simd reduction(+ : sum)
      for (int64_t i = 0; i < columns; ++i) {
        const float e = vexp(from[i] - most);
        to[i] = e;
        sum += e;
      }
      const float scale = 1.0f / sum;
#pragma omp simd
      for (int64_t i = 0; i < columns; ++i) to[i] *= scale;
    }
  });
}

}  // namespace scmoe
