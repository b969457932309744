#pragma once
#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "cpu/gemm_depths.h"
#include "cpu/simd.h"

/// The innermost part of products with few rows, which wait for the weight: it is read once, row by row, and sums lie
/// in a cache. Each element is summed in order, one multiply-add after the other.
namespace scmoe {

/// Columns whose sums stay near: the more, the longer is the piece of a row that is read at a time.
template <int Rows>
constexpr int64_t kSweep = Rows == 1   ? 8192
                           : Rows == 2 ? 4096
                                       : 2048;
/// Rows of the weight that are multiplied between two visits to the sums. A divisor of kDepth.
constexpr int64_t kTogether = kVectorRegisters >= 32 && kLanes == 16 ? 8 : 4;
static_assert(kDepth % kTogether == 0, "depths are whole groups of rows");

/// Vectors of columns that are summed side by side, so that one needs not wait for its last multiply-add.
template <int Rows>
constexpr int kSideBySide = kLanes == 16 ? (Rows == 1 ? 4 : 2)
                            : Rows <= 2  ? 2
                                         : 1;

/// Bytes of the weight that are asked for ahead of their time, into the second-level cache: a core has twice as many
/// requests to memory under way from there as from the first level (docs/decisions.md#few-rows).
constexpr int64_t kAheadBytes = 32768;

inline void prefetchToSecondLevel(const void* at) { __builtin_prefetch(at, 0, 2); }

/// sums[i][j] += x(i, p) weight(p, j) for `size` rows p from `begin` on, one after the other. Rows of the weight lie
/// `stride` apart.
template <int Rows>
void sweep(const float* x, int64_t xStride, const float* weight, int64_t stride, int64_t begin, int64_t size,
           int64_t column, int64_t columns, float (*sums)[kSweep<Rows>]) {
  constexpr int64_t kLine = 64 / sizeof(float);
  const int64_t bytes = columns * static_cast<int64_t>(sizeof(float));
  const int64_t ahead = std::max(kTogether, kAheadBytes / bytes) * stride;
  const auto group = [&](int64_t p, auto together) {
    const float* const row = weight + p * stride + column;
    // What the sums are written to might be x, for all that the compiler knows: it would read x again each time.
    constexpr bool isHeld = Rows <= 2;
    Vec left[isHeld ? Rows : 1][together.value];
    if constexpr (isHeld)
      for (int i = 0; i < Rows; ++i)
        for (int q = 0; q < together.value; ++q) left[i][q] = broadcast(x[i * xStride + p + q]);
    const auto columnsAt = [&](int64_t j, auto wide) {
      constexpr int kVectors = wide.value;
      for (int64_t line = j; line < j + kVectors * kLanes; line += kLine)
        if (line % kLine == 0)
          for (int q = 0; q < together.value; ++q) prefetchToSecondLevel(row + q * stride + line + ahead);
      Vec sum[Rows][kVectors];
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v)
#pragma GCC unroll 8
        for (int i = 0; i < Rows; ++i) sum[i][v] = load(sums[i] + j + v * kLanes);
#pragma GCC unroll 8
      for (int q = 0; q < together.value; ++q) {
        Vec values[kVectors];
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) {
          values[v] = load(row + q * stride + j + v * kLanes);
          keepInRegister(values[v]);
        }
#pragma GCC unroll 8
        for (int i = 0; i < Rows; ++i) {
          const Vec factor = isHeld ? left[isHeld ? i : 0][q] : broadcast(x[i * xStride + p + q]);
#pragma GCC unroll 4
          for (int v = 0; v < kVectors; ++v) multiplyAdd(factor, values[v], sum[i][v]);
        }
      }
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v)
#pragma GCC unroll 8
        for (int i = 0; i < Rows; ++i) store(sums[i] + j + v * kLanes, sum[i][v]);
    };
    constexpr int64_t kWide = kSideBySide<Rows> * kLanes;
    int64_t j = 0;
    for (; j + kWide <= columns; j += kWide) columnsAt(j, std::integral_constant<int, kSideBySide<Rows>>());
    for (; j < columns; j += kLanes) columnsAt(j, std::integral_constant<int, 1>());
  };
  int64_t p = begin;
  for (; p < begin + size && p % kTogether != 0; ++p) group(p, std::integral_constant<int, 1>());
  for (; p + kTogether <= begin + size; p += kTogether) group(p, std::integral_constant<int, kTogether>());
  for (; p < begin + size; ++p) group(p, std::integral_constant<int, 1>());
}

/// Calls withRows(integral_constant) for 1 to 8 rows.
template <typename Body>
void withRows(int64_t rows, const Body& body) {
  switch (rows) {
    case 1: return body(std::integral_constant<int, 1>());
    case 2: return body(std::integral_constant<int, 2>());
    case 3: return body(std::integral_constant<int, 3>());
    case 4: return body(std::integral_constant<int, 4>());
    case 5: return body(std::integral_constant<int, 5>());
    case 6: return body(std::integral_constant<int, 6>());
    case 7: return body(std::integral_constant<int, 7>());
    default: return body(std::integral_constant<int, 8>());
  }
}

}  // namespace scmoe
