#include "cpu/strided_copy.h"

#include <algorithm>
#include <cstring>

#include "core/parallel.h"

namespace scmoe {

namespace {

constexpr int64_t kGrain = 65536;  // elements worth another thread
constexpr int64_t kTile = 32;      // a tile of 32 x 32 words is 4 KiB: source and target stay in the first cache

template <typename T>
void copyRow(const T* source, int64_t sourceStride, T* target, int64_t targetStride, int64_t count) {
  if (targetStride == 1 && sourceStride == 1) {
    std::memcpy(target, source, count * sizeof(T));
  } else if (targetStride == 1 && sourceStride == 0) {
    std::fill_n(target, count, *source);
  } else {
    for (int64_t i = 0; i < count; ++i) target[i * targetStride] = source[i * sourceStride];
  }
}

template <typename T>
void transposeTile(const T* source, int64_t sourceStride, T* target, int64_t targetStride, int64_t rows,
                   int64_t columns) {
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j) target[i * targetStride + j] = source[j * sourceStride + i];
}

/// The dimension along which the source is contiguous where the target is contiguous along the last one; -1 if none.
int sourceContiguousDimension(const Strided<2>& walk) {
  const int last = walk.rank - 1;
  if (walk.stride[1][last] != 1 || walk.stride[0][last] == 1 || walk.stride[0][last] == 0) return -1;
  for (int d = 0; d < last; ++d)
    if (walk.stride[0][d] == 1 && walk.size[d] >= 4) return d;
  return -1;
}

template <typename T>
void transpose(const T* source, T* target, const Strided<2>& walk, int contiguous) {
  const int last = walk.rank - 1;
  const int64_t rows = walk.size[contiguous], columns = walk.size[last];
  const int64_t targetStride = walk.stride[1][contiguous], sourceStride = walk.stride[0][last];
  // The walk over the other dimensions; forRows leaves out the innermost, a dummy here.
  Strided<2> others;
  for (int d = 0; d < last; ++d) {
    if (d == contiguous) continue;
    others.size[others.rank] = walk.size[d];
    for (int o = 0; o < 2; ++o) others.stride[o][others.rank] = walk.stride[o][d];
    ++others.rank;
  }
  const int64_t matrices = others.elements();
  ++others.rank;
  const int64_t strips = (rows + kTile - 1) / kTile;
  parallelFor(matrices * strips, kGrain / (kTile * columns) + 1, [&](int64_t begin, int64_t end) {
    for (int64_t item = begin; item < end; ++item) {
      const int64_t first = item % strips * kTile, height = std::min(kTile, rows - first);
      others.forRows(item / strips, item / strips + 1, [&](const std::array<int64_t, 2>& offset) {
        for (int64_t j = 0; j < columns; j += kTile)
          transposeTile(source + offset[0] + first + j * sourceStride, sourceStride,
                        target + offset[1] + first * targetStride + j, targetStride, height,
                        std::min(kTile, columns - j));
      });
    }
  });
}

template <typename T>
void copy(const T* source, T* target, Strided<2>& walk) {
  const int64_t total = walk.elements();
  if (total == 0) return;
  walk.collapse();
  const int contiguous = sourceContiguousDimension(walk);
  if (contiguous >= 0) return transpose(source, target, walk, contiguous);
  const int last = walk.rank - 1;
  const int64_t inner = walk.size[last], rows = total / inner;
  const int64_t from = walk.stride[0][last], to = walk.stride[1][last];
  if (rows == 1) {
    parallelFor(inner, kGrain, [&](int64_t begin, int64_t end) {
      copyRow(source + begin * from, from, target + begin * to, to, end - begin);
    });
    return;
  }
  parallelFor(rows, kGrain / inner, [&](int64_t begin, int64_t end) {
    walk.forRows(begin, end, [&](const std::array<int64_t, 2>& offset) {
      copyRow(source + offset[0], from, target + offset[1], to, inner);
    });
  });
}

}  // namespace

void copyStrided(int elementBytes, const void* source, void* target, Strided<2> walk) {
  if (elementBytes == 1)
    copy(static_cast<const uint8_t*>(source), static_cast<uint8_t*>(target), walk);
  else
    copy(static_cast<const uint32_t*>(source), static_cast<uint32_t*>(target), walk);
}

}  // namespace scmoe
