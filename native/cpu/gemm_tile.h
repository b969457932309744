#pragma once
#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "cpu/part.h"

#if SCMOE_GEMM_TILE

/// The innermost part of blocked_gemm.cc and ordered_product.cc: six rows and sixteen columns of C stay in registers
/// while a depth is summed.
namespace scmoe::tile {

constexpr int kRows = 6;
constexpr int kColumns = 16;
/// Vectors of a row of C.
constexpr int kParts = kColumns / kPart;

/// What becomes of sums: C = alpha * sum + beta * C.
struct Scale {
  float alpha, beta;

  Part operator()(Part sum, const float* c) const {
    if (alpha != 1.0f) sum = alpha * sum;
    return beta == 0.0f ? sum : fused(broadcastPart(&beta), loadPart(c), sum);
  }
};

/// Rows of A as they lie, one `stride` after the other.
struct PlainRows {
  static constexpr int64_t kDepthStride = 1;
  const int64_t stride;
};
/// Six rows side by side, depth after depth.
struct PackedRows {
  static constexpr int64_t kDepthStride = kRows;
  static constexpr int64_t stride = 1;
};

/// Sixteen columns of B side by side, depth after depth. As constants both strides leave registers for the sums.
struct PackedPanel {
  static constexpr int64_t stride = kColumns;
};
/// Sixteen columns of B as they lie, one row `stride` after the other.
struct PlainPanel {
  const int64_t stride;
};

/// Memory that is asked for while tiles are multiplied, into the second-level cache, a little at each four depths: a
/// core has only so many misses under way.
class Asking {
 public:
  /// @param depths of all tiles to come
  Asking(const char* from, int64_t bytes, int64_t depths)
      : at_(reinterpret_cast<uintptr_t>(from)),
        step_(static_cast<uintptr_t>(std::min(2 * kLine, (4 * bytes + depths - 1) / depths))) {}

  [[gnu::always_inline]] void step() {
    if (step_ == 0) return;
    __builtin_prefetch(reinterpret_cast<const void*>(at_), 0, 2);
    __builtin_prefetch(reinterpret_cast<const void*>(at_ + kLine), 0, 2);
    at_ += step_;
  }

 private:
  static constexpr int64_t kLine = 64;
  uintptr_t at_, step_;
};
struct NoAsking {
  void step() {}
};

/// C (Rows, columns), at most sixteen, of A times B. Each element is summed in order, one multiply-add after the other.
template <int Rows, typename RowLayout, typename PanelLayout, typename Ask>
[[gnu::noinline]] void multiply(int64_t depth, const float* a, RowLayout rowLayout, const float* b,
                                PanelLayout panelLayout, Scale scale, float* c, int64_t ldc, int64_t columns,
                                Ask& asking) {
  constexpr int64_t depthStride = RowLayout::kDepthStride;
  const int64_t rowStride = rowLayout.stride, ldb = panelLayout.stride;
  Part sums[Rows][kParts];
#pragma GCC unroll 6
  for (int i = 0; i < Rows; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < kParts; ++j) sums[i][j] = Part{};
    __builtin_prefetch(c + i * ldc);
    __builtin_prefetch(c + i * ldc + columns - 1);
  }
  // Two pointers reach all rows with the factors 0, 1 and 2 that an address can have.
  const float* lower = a + 3 * rowStride;
  const auto step = [&](int64_t q) __attribute__((always_inline)) {
    Part right[kParts];
#pragma GCC unroll 4
    for (int j = 0; j < kParts; ++j) {
      right[j] = loadPart(b + q * ldb + j * kPart);
      keepInRegister(right[j]);
    }
#pragma GCC unroll 6
    for (int i = 0; i < Rows; ++i) {
      const float* const row = i < 3 ? a + i * rowStride : lower + (i - 3) * rowStride;
      const Factor value = factorAt(row + q * depthStride);
#pragma GCC unroll 4
      for (int j = 0; j < kParts; ++j) multiplyAdd(value, right[j], sums[i][j]);
    }
  };
  int64_t p = 0;
  Ask ask = asking;  // in registers
  // The rows below, which come next: from the second-level cache a cache line of each while this one is used.
  const auto fetchNext = [&] {
    if constexpr (Rows == kRows && depthStride == 1)
#pragma GCC unroll 6
      for (int i = 0; i < kRows; ++i) __builtin_prefetch((i < 3 ? a : lower) + (kRows + i % 3) * rowStride);
  };
  for (; p + 4 <= depth; p += 4, a += 4 * depthStride, lower += 4 * depthStride, b += 4 * ldb) {
    if (p % 16 == 0) fetchNext();
    ask.step();
    step(0);
    step(1);
    step(2);
    step(3);
  }
  for (; p < depth; ++p, a += depthStride, lower += depthStride, b += ldb) step(0);
  asking = ask;

  if (columns == kColumns) {
#pragma GCC unroll 6
    for (int i = 0; i < Rows; ++i) {
#pragma GCC unroll 4
      for (int j = 0; j < kParts; ++j) {
        float* const to = c + i * ldc + j * kPart;
        storePart(to, scale(sums[i][j], to));
      }
    }
    return;
  }
#pragma GCC unroll 6
  for (int i = 0; i < Rows; ++i) {
    alignas(32) float row[kColumns] = {};
    float* const to = c + i * ldc;
    for (int64_t j = 0; j < columns; ++j) row[j] = to[j];
#pragma GCC unroll 4
    for (int j = 0; j < kParts; ++j) storePart(row + j * kPart, scale(sums[i][j], row + j * kPart));
    for (int64_t j = 0; j < columns; ++j) to[j] = row[j];
  }
}

/// The same for 1 to 6 rows.
template <typename RowLayout, typename PanelLayout, typename Ask>
void multiplyRows(int64_t rows, int64_t depth, const float* a, RowLayout rowLayout, const float* b,
                  PanelLayout panelLayout, Scale scale, float* c, int64_t ldc, int64_t columns, Ask& asking) {
  const auto of = [&](auto count) {
    multiply<count.value>(depth, a, rowLayout, b, panelLayout, scale, c, ldc, columns, asking);
  };
  switch (rows) {
    case 6: return of(std::integral_constant<int, 6>());
    case 5: return of(std::integral_constant<int, 5>());
    case 4: return of(std::integral_constant<int, 4>());
    case 3: return of(std::integral_constant<int, 3>());
    case 2: return of(std::integral_constant<int, 2>());
    default: return of(std::integral_constant<int, 1>());
  }
}

#if defined(__AVX2__)
/// to (8, 8) = from (8, 8) transposed; strides in elements. Halves of registers are put together as they are loaded,
/// which takes no shuffle.
inline void transposeEight(const float* from, int64_t fromStride, float* to, int64_t toStride) {
  for (int p = 0; p < 8; p += 4) {
    Part elements[4];
    transposeRows(from + p, fromStride, elements);
    for (int q = 0; q < 4; ++q) storePart(to + (p + q) * toStride, elements[q]);
  }
}
#else
/// to (8, 8) = from (8, 8) transposed; strides in elements.
inline void transposeEight(const float* from, int64_t fromStride, float* to, int64_t toStride) {
  for (int i = 0; i < 8; i += kPart)
    for (int p = 0; p < 8; p += 4) {
      Part elements[4];
      transposeRows(from + i * fromStride + p, fromStride, elements);
      for (int q = 0; q < 4; ++q) storePart(to + (p + q) * toStride + i, elements[q]);
    }
}
#endif

}  // namespace scmoe::tile

#endif
