#include "cpu/embedding.h"

#include <cstring>
#include <string>

#include "core/error.h"
#include "core/parallel.h"

namespace scmoe {

void embeddingForward(int64_t count, int64_t d, int64_t vocabulary, const int32_t* ids, const float* table,
                      float* out) {
  for (int64_t i = 0; i < count; ++i)
    if (ids[i] < 0 || ids[i] >= vocabulary)
      throw ArgumentError("embedding: ids[" + std::to_string(i) + "]: expected 0 to " + std::to_string(vocabulary - 1) +
                          ", got " + std::to_string(ids[i]));
  parallelFor(count, grainFor(d * 8), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) std::memcpy(out + i * d, table + ids[i] * d, d * sizeof(float));
  });
}

void embeddingBackward(int64_t count, int64_t d, int64_t vocabulary, const int32_t* ids, const float* dOut,
                       float* dTable) {
  // Each thread owns a range of the vocabulary and reads all ids: no two threads add to one row.
  parallelFor(vocabulary, grainFor(d * 4), [&](int64_t begin, int64_t end) {
    std::memset(dTable + begin * d, 0, (end - begin) * d * sizeof(float));
    for (int64_t i = 0; i < count; ++i) {
      if (ids[i] < begin || ids[i] >= end) continue;
      float* const to = dTable + ids[i] * d;
      const float* const from = dOut + i * d;
#pragma omp simd
      for (int64_t j = 0; j < d; ++j) to[j] += from[j];
    }
  });
}

}  // namespace scmoe
