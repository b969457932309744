#include "cpu/top_k.h"

#include <algorithm>
#include <numeric>

#include "core/parallel.h"
#include "core/scratch.h"

namespace scmoe {

template <typename T>
void topK(const T* x, T* values, int32_t* indices, int64_t rows, int64_t columns, int64_t k) {
  parallelFor(rows, 16384 / columns + 1, [&](int64_t begin, int64_t end) {
    int32_t* order = scratch<int32_t>(kScratchKernelA, columns);
    for (int64_t r = begin; r < end; ++r) {
      const T* row = x + r * columns;
      std::iota(order, order + columns, 0);
      std::partial_sort(order, order + k, order + columns, [row](int32_t i, int32_t j) {
        const T a = row[i], b = row[j];
        const bool aIsNan = a != a, bIsNan = b != b;
        if (aIsNan || bIsNan) return aIsNan == bIsNan ? i < j : bIsNan;
        return a > b || (a == b && i < j);
      });
      for (int64_t i = 0; i < k; ++i) {
        values[r * k + i] = row[order[i]];
        indices[r * k + i] = order[i];
      }
    }
  });
}

template void topK<float>(const float*, float*, int32_t*, int64_t, int64_t, int64_t);
template void topK<int32_t>(const int32_t*, int32_t*, int32_t*, int64_t, int64_t, int64_t);

}  // namespace scmoe
