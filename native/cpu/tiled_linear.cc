#include "cpu/tiled_linear.h"

#include <algorithm>
#include <optional>

#include "core/arena.h"
#include "core/parallel.h"
#include "cpu/slope_rows.h"
#include "cpu/tiled_gemm.h"
#include "cpu/tiled_weight_gradient.h"

namespace scmoe {

namespace {

/// Rows that are worth another thread.
constexpr int64_t kFewestRows = 32;

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
      const SlopeRows slopes{dOut, dy, pre, activation, sums};
      const int64_t end = border(part + 1);
      for (int64_t first = border(part); first < end; first += kTiledRows) {
        const int64_t count = std::min(kTiledRows, end - first);
        Arena::Scope own;
        uint16_t* const rows16 = bf16 ? own.take<uint16_t>(count * dOut) : nullptr;
        float* const room = pre ? own.take<float>((bf16 ? 1 : count) * dOut) : nullptr;
        const float* const block = slopes.make(first, count, room, rows16);
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
