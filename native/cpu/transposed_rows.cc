#include "cpu/transposed_rows.h"

#include <algorithm>

#include "core/parallel.h"
#include "cpu/gemm_depths.h"
#include "cpu/simd.h"
#include "cpu/transposed_words.h"

namespace scmoe {

namespace {

/// sums[i] += x(i, p + q) times number p + q of every row of the panel, one after the other, for all q of a step or for
/// those from `first` to `last`.
template <bool isWhole, int Rows, typename Words>
[[gnu::always_inline]] inline void addStep(const float* x, int64_t dIn, const Panel<Words>& panel, int64_t p,
                                           int64_t first, int64_t last, Vec (&sums)[Rows]) {
  Vec words[kLanes];
  panel.load(p, words);
  panel.askForNext(p);
  transposeVectors(words);
  const auto add = [&](Vec numbers, int64_t q) __attribute__((always_inline)) {
    if (!isWhole && (q < first || q >= last)) return;
#pragma GCC unroll 8
    for (int i = 0; i < Rows; ++i) multiplyAdd(broadcast(x[i * dIn + p + q]), numbers, sums[i]);
  };
#pragma GCC unroll 16
  for (int q = 0; q < kLanes; ++q) {
    add(Words::template numbers<0>(words[q]), q * Words::kPerWord);
    if constexpr (Words::kPerWord == 2) add(Words::template numbers<1>(words[q]), q * Words::kPerWord + 1);
  }
}

/// The same for all numbers of one depth. Whole steps begin where no row's piece crosses a cache line; what is before
/// and behind them are parts of steps that overlap them.
template <int Rows, typename Words>
void addDepth(const float* x, int64_t dIn, const Panel<Words>& panel, int64_t begin, int64_t size, Vec (&sums)[Rows]) {
  constexpr int64_t kStep = Panel<Words>::kStep;
  const int64_t end = begin + size;
  int64_t p = begin;
  if (const int64_t head = panel.head(begin); head > 0 && size >= kStep) {
    addStep<false>(x, dIn, panel, p, 0, head, sums);
    p += head;
  }
  for (; p + kStep <= end; p += kStep) addStep<true>(x, dIn, panel, p, 0, kStep, sums);
  if (p < end && size >= kStep) {
    addStep<false>(x, dIn, panel, end - kStep, p - (end - kStep), kStep, sums);
    p = end;
  }
  for (; p < end; ++p) {
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
      addDepth<Rows, Words>(x, dIn, panel, begin, size, sums);
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
