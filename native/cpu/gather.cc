#include "cpu/gather.h"

#include <algorithm>
#include <cstring>

#include "core/arena.h"
#include "core/error.h"
#include "core/parallel.h"

namespace scmoe {

namespace {

constexpr int64_t kGrainBytes = 1 << 18;

/// Slice of each tuple, -1 where it leads outside; returns the first such tuple or -1.
int64_t resolve(const int32_t* indices, const SliceIndex& index, int64_t count, int64_t* rows) {
  int64_t invalid = -1;
  for (int64_t i = 0; i < count; ++i) {
    int64_t row = 0;
    for (int64_t j = 0; j < index.length; ++j) row += indices[i * index.length + j] * index.strides[j];
    const bool inside = row >= 0 && row < index.rows;
    if (!inside && invalid < 0) invalid = i;
    rows[i] = inside ? row : -1;
  }
  return invalid;
}

/// Threads take columns, so that sums need no atomics and come in the order of the updates.
template <typename T>
void addRows(const int64_t* rows, const T* updates, T* out, int64_t numRows, int64_t count, int64_t slice) {
  const int64_t bytesPerColumn = (numRows + count) * static_cast<int64_t>(sizeof(T));
  parallelFor(slice, std::max<int64_t>(16, kGrainBytes / bytesPerColumn), [&](int64_t begin, int64_t end) {
    for (int64_t r = 0; r < numRows; ++r) std::memset(out + r * slice + begin, 0, (end - begin) * sizeof(T));
    for (int64_t i = 0; i < count; ++i) {
      if (rows[i] < 0) continue;
      T* to = out + rows[i] * slice;
      const T* from = updates + i * slice;
#pragma omp simd
      for (int64_t j = begin; j < end; ++j) to[j] += from[j];
    }
  });
}

}  // namespace

int64_t gather(int64_t elementBytes, const void* x, const int32_t* indices, void* out, int64_t batch, int64_t outer,
               int64_t dim, int64_t count, int64_t slice) {
  for (int64_t i = 0; i < batch * count; ++i)
    if (indices[i] < 0 || indices[i] >= dim) return i;
  const int64_t bytes = slice * elementBytes;
  const char* from = static_cast<const char*>(x);
  char* to = static_cast<char*>(out);
  if (bytes == 0) return -1;
  parallelFor(batch * outer * count, kGrainBytes / bytes + 1, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t block = row / count, b = block / outer;
      const int64_t index = indices[b * count + row % count];
      std::memcpy(to + row * bytes, from + (block * dim + index) * bytes, bytes);
    }
  });
  return -1;
}

int64_t gatherNd(int64_t elementBytes, const void* x, const int32_t* indices, SliceIndex index, void* out,
                 int64_t count, int64_t slice) {
  Arena::Scope scope;
  auto* const rows = scope.take<int64_t>(count);
  const int64_t invalid = resolve(indices, index, count, rows);
  if (invalid >= 0) return invalid;
  const int64_t bytes = slice * elementBytes;
  parallelFor(count, kGrainBytes / std::max<int64_t>(1, bytes) + 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      std::memcpy(static_cast<char*>(out) + i * bytes, static_cast<const char*>(x) + rows[i] * bytes, bytes);
  });
  return -1;
}

int64_t scatterAdd(ElementType type, const int32_t* indices, SliceIndex index, const void* updates, void* out,
                   int64_t count, int64_t slice, bool skipInvalid) {
  Arena::Scope scope;
  auto* const rows = scope.take<int64_t>(count);
  const int64_t invalid = resolve(indices, index, count, rows);
  if (invalid >= 0 && !skipInvalid) return invalid;
  if (type == ElementType::kFloat32)
    addRows(rows, static_cast<const float*>(updates), static_cast<float*>(out), index.rows, count, slice);
  else if (type == ElementType::kInt32)
    addRows(rows, static_cast<const uint32_t*>(updates), static_cast<uint32_t*>(out), index.rows, count, slice);
  else
    throw Error("scatterAdd: expected float32 or int32");
  return -1;
}

}  // namespace scmoe
