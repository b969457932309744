#include "cpu/transposed_rows.h"

#include <algorithm>

#include "core/parallel.h"
#include "cpu/gemm_depths.h"
#include "cpu/simd.h"
#include "cpu/transposed_words.h"

namespace scmoe {

namespace {

/// sums[i] += x(i, p) times number p of every row of the panel, for p of one depth, one after the other.
/// @param ahead where the rows lie that are read next, asked for while these are multiplied
template <int Rows, typename Words>
void addDepth(const float* x, int64_t dIn, const Panel<Words>& panel, int64_t begin, int64_t size, const char* ahead,
              Vec (&sums)[Rows]) {
  constexpr int64_t kStep = Panel<Words>::kStep;
  int64_t p = begin;
  for (; p + kStep <= begin + size; p += kStep) {
    Vec words[kLanes];
    panel.load(p, words);
    ahead = askFor(ahead);
    transposeVectors(words);
#pragma GCC unroll 16
    for (int q = 0; q < kLanes; ++q) {
      const float* const left = x + p + q * Words::kPerWord;
      const Vec first = Words::template numbers<0>(words[q]);
#pragma GCC unroll 8
      for (int i = 0; i < Rows; ++i) multiplyAdd(broadcast(left[i * dIn]), first, sums[i]);
      if constexpr (Words::kPerWord == 2) {
        const Vec second = Words::template numbers<1>(words[q]);
#pragma GCC unroll 8
        for (int i = 0; i < Rows; ++i) multiplyAdd(broadcast(left[i * dIn + 1]), second, sums[i]);
      }
    }
  }
  for (; p < begin + size; ++p) {
    const Vec numbers = panel.numbers(p);
    for (int i = 0; i < Rows; ++i) multiplyAdd(broadcast(x[i * dIn + p]), numbers, sums[i]);
  }
}

/// Rows of the matrix from `first` to `last`: as many columns of y.
template <int Rows, typename Words>
void multiply(const float* x, int64_t dIn, int64_t dOut, const typename Words::Element* weight, int64_t first,
              int64_t last, float* y) {
  for (int64_t column = first; column < last; column += kLanes) {
    const Panel<Words> panel(weight, dIn, column, last);
    Vec totals[Rows];
    forDepths(dIn, [&](int64_t begin, int64_t size) {
      Vec sums[Rows];
      for (int i = 0; i < Rows; ++i) sums[i] = Vec{};
      addDepth<Rows, Words>(x, dIn, panel, begin, size, panel.ahead(begin), sums);
      for (int i = 0; i < Rows; ++i) totals[i] = begin == 0 ? sums[i] : totals[i] + sums[i];
    });
    const int64_t columns = std::min<int64_t>(kLanes, last - column);
    for (int i = 0; i < Rows; ++i) {
      float* const to = y + i * dOut + column;
      if (columns == kLanes)
        store(to, totals[i]);
      else
        for (int64_t j = 0; j < columns; ++j) to[j] = totals[i][j];
    }
  }
}

template <typename Words>
void multiplyRows(int64_t rows, int64_t dIn, int64_t dOut, const float* x, const void* weight, float* y) {
  using Element = typename Words::Element;
  const auto* const values = static_cast<const Element*>(weight);
  parallelFor((dOut + kLanes - 1) / kLanes, grainFor(dIn * kLanes * static_cast<int64_t>(sizeof(Element))),
              [&](int64_t begin, int64_t end) {
                const int64_t first = begin * kLanes, last = std::min(end * kLanes, dOut);
                switch (rows) {
                  case 1: return multiply<1, Words>(x, dIn, dOut, values, first, last, y);
                  case 2: return multiply<2, Words>(x, dIn, dOut, values, first, last, y);
                  case 3: return multiply<3, Words>(x, dIn, dOut, values, first, last, y);
                  case 4: return multiply<4, Words>(x, dIn, dOut, values, first, last, y);
                  case 5: return multiply<5, Words>(x, dIn, dOut, values, first, last, y);
                  case 6: return multiply<6, Words>(x, dIn, dOut, values, first, last, y);
                  case 7: return multiply<7, Words>(x, dIn, dOut, values, first, last, y);
                  default: return multiply<8, Words>(x, dIn, dOut, values, first, last, y);
                }
              });
}

}  // namespace

void multiplyTransposedRows(int64_t rows, int64_t dIn, int64_t dOut, const float* x, WeightFormat format,
                            const void* weight, float* y) {
  if (format == WeightFormat::kBf16) return multiplyRows<Bf16Words>(rows, dIn, dOut, x, weight, y);
  multiplyRows<FloatWords>(rows, dIn, dOut, x, weight, y);
}

}  // namespace scmoe
