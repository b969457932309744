#include "cpu/tiled_linear.h"

#include <algorithm>
#include <optional>

#include "core/arena.h"
#include "core/parallel.h"
#include "cpu/activation_rows.h"
#include "cpu/bf16.h"
#include "cpu/tiled_gemm.h"

namespace scmoe {

namespace {

/// Rows that are worth another thread.
constexpr int64_t kFewestRows = 32;

/// What a block of rows is multiplied with: dy with the slope of the activation, in the layer's precision. `sums`, if
/// any, get its columns' sums.
class Slopes {
 public:
  Slopes(bool bf16, int64_t dOut, const float* dy, const float* pre, Activation activation, float* sums)
      : bf16_(bf16), dOut_(dOut), dy_(dy), pre_(pre), activation_(activation), sums_(sums) {}

  /// Rows from `first` on, as float32; null where they are bf16, which go to `rows16`.
  const float* rows(Arena::Scope& scope, int64_t first, int64_t count, uint16_t* rows16) const {
    if (!pre_ && !bf16_ && !sums_) return dy_ + first * dOut_;
    float* const own = pre_ ? scope.take<float>((bf16_ ? 1 : count) * dOut_) : nullptr;
    withActivation(activation_, [&](auto chosen) {
      for (int64_t i = 0; i < count; ++i) {
        const float* row = dy_ + (first + i) * dOut_;
        if (pre_) {
          const float* const p = pre_ + (first + i) * dOut_;
          float* const to = own + (bf16_ ? 0 : i * dOut_);
          slopeRow<chosen.value>(dOut_, row, p, to);
          row = to;
        }
        if (sums_) {
#pragma omp simd
          for (int64_t j = 0; j < dOut_; ++j) sums_[j] += row[j];
        }
        if (bf16_) convertToBf16(row, 1, dOut_, dOut_, rows16 + i * dOut_);
      }
    });
    return bf16_ ? nullptr : pre_ ? own : dy_ + first * dOut_;
  }

 private:
  const bool bf16_;
  const int64_t dOut_;
  const float *const dy_, *const pre_;
  const Activation activation_;
  float* const sums_;
};

}  // namespace

void tiledLinearBackward(bool bf16, int64_t rows, int64_t dIn, int64_t dOut, const float* dy, const float* x,
                         const float* weight, const float* pre, Activation activation, float* dx, float* dWeight,
                         float* dBias, double* squares) {
  Arena::Scope scope;
  std::optional<TiledInputGradient> back;
  std::optional<TiledWeightGradient> gradient;
  if (dx) back.emplace(scope, bf16, dIn, dOut, weight);
  if (dWeight) gradient.emplace(scope, bf16, rows, dIn, dOut);

  // One part per thread, each with its own bias sums, added up in order afterwards: the result repeats.
  const int64_t parts = std::max<int64_t>(1, std::min<int64_t>(threads(), rows / kFewestRows));
  float* const biasSums = dBias ? scope.take<float>(parts * dOut) : nullptr;
  // Pairs of rows are one thread's.
  const auto border = [&](int64_t part) { return part == parts ? rows : rows * part / parts / 2 * 2; };
  parallelFor(parts, 1, [&](int64_t firstPart, int64_t lastPart) {
    for (int64_t part = firstPart; part < lastPart; ++part) {
      float* const sums = biasSums ? biasSums + part * dOut : nullptr;
      if (sums) std::fill(sums, sums + dOut, 0.0f);
      const Slopes slopes(bf16, dOut, dy, pre, activation, sums);
      const int64_t end = border(part + 1);
      for (int64_t first = border(part); first < end; first += kTiledRows) {
        const int64_t count = std::min(kTiledRows, end - first);
        Arena::Scope own;
        uint16_t* const rows16 = bf16 ? own.take<uint16_t>(count * dOut) : nullptr;
        const float* const block = slopes.rows(own, first, count, rows16);
        float* const to = dx + (dx ? first * dIn : 0);
        if (back) bf16 ? back->multiply(count, rows16, to) : back->multiply(count, block, to);
        if (gradient) bf16 ? gradient->take(first, count, rows16) : gradient->take(first, count, block);
      }
    }
  });
  if (dBias) {
    std::copy(biasSums, biasSums + dOut, dBias);
    for (int64_t part = 1; part < parts; ++part)
      for (int64_t j = 0; j < dOut; ++j) dBias[j] += biasSums[part * dOut + j];
  }
  if (gradient) gradient->multiply(x, dWeight, squares);
}

}  // namespace scmoe
