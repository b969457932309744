#include "cpu/top_k.h"

#include <algorithm>
#include <numeric>

#include "core/arena.h"
#include "core/parallel.h"
#include "cpu/ranking.h"

namespace scmoe {

namespace {

/// Up to here the k best are kept sorted while a row is read once; a longer list pays for a partial sort.
constexpr int64_t kFew = 32;

template <typename T>
void fewOfRow(const T* x, int64_t count, int64_t k, T* values, int32_t* indices) {
  int64_t found = 0;
  for (int64_t i = 0; i < count; ++i) {
    if (found == k && !ranksBefore(x[i], values[k - 1])) continue;
    int64_t at = found < k ? found++ : k - 1;
    for (; at > 0 && ranksBefore(x[i], values[at - 1]); --at) {
      values[at] = values[at - 1];
      indices[at] = indices[at - 1];
    }
    values[at] = x[i];
    indices[at] = static_cast<int32_t>(i);
  }
}

template <typename T>
void manyOfRow(const T* x, int64_t count, int64_t k, T* values, int32_t* indices) {
  Arena::Scope scope;
  auto* const order = scope.take<int32_t>(count);
  std::iota(order, order + count, 0);
  std::partial_sort(order, order + k, order + count, [x](int32_t i, int32_t j) {
    if (ranksBefore(x[i], x[j])) return true;
    return !ranksBefore(x[j], x[i]) && i < j;
  });
  for (int64_t i = 0; i < k; ++i) {
    values[i] = x[order[i]];
    indices[i] = order[i];
  }
}

}  // namespace

template <typename T>
void topK(const T* x, T* values, int32_t* indices, int64_t rows, int64_t columns, int64_t k) {
  const auto one = k <= kFew ? fewOfRow<T> : manyOfRow<T>;
  parallelFor(rows, 16384 / columns + 1, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) one(x + r * columns, columns, k, values + r * k, indices + r * k);
  });
}

template void topK<float>(const float*, float*, int32_t*, int64_t, int64_t, int64_t);
template void topK<int32_t>(const int32_t*, int32_t*, int32_t*, int64_t, int64_t, int64_t);

}  // namespace scmoe
