#include "cpu/embedding.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <string>

#include "core/arena.h"
#include "core/error.h"
#include "core/parallel.h"

namespace scmoe {

namespace {

void addRow(int64_t d, const float* row, float* to) {
#pragma omp simd
  for (int64_t j = 0; j < d; ++j) to[j] += row[j];
}

}  // namespace

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
    for (int64_t i = 0; i < count; ++i)
      if (ids[i] >= begin && ids[i] < end) addRow(d, dOut + i * d, dTable + ids[i] * d);
  });
}

void addEmbeddingGradient(int64_t count, int64_t d, int64_t vocabulary, const int32_t* ids, const float* dOut,
                          float* dTable) {
  Arena::Scope scope;
  auto* const order = scope.take<int64_t>(count);
  std::iota(order, order + count, 0);
  std::stable_sort(order, order + count, [&](int64_t a, int64_t b) { return ids[a] < ids[b]; });
  parallelFor(count, grainFor(d * 12), [&](int64_t begin, int64_t end) {
    Arena::Scope own;
    auto* const sum = own.take<float>(d);
    // Rows of one id are those of the thread that has the first of them.
    while (begin > 0 && begin < end && ids[order[begin]] == ids[order[begin - 1]]) ++begin;
    for (int64_t first = begin, last = first; first < end; first = last) {
      const int32_t id = ids[order[first]];
      const bool isThere = id >= 0 && id < vocabulary;
      std::memset(sum, 0, d * sizeof(float));
      for (; last < count && ids[order[last]] == id; ++last) addRow(d, dOut + order[last] * d, sum);
      if (isThere) addRow(d, sum, dTable + id * d);
    }
  });
}

}  // namespace scmoe
