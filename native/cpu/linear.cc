#include "cpu/linear.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "core/arena.h"
#include "core/parallel.h"
#include "cpu/activation_rows.h"
#include "cpu/bf16.h"
#include "cpu/gemm.h"
#include "cpu/row_blocks.h"
#include "cpu/slope_rows.h"
#include "cpu/squares.h"
#include "cpu/streamed_gemm.h"
#include "cpu/tiled_gemm.h"
#include "cpu/tiled_linear.h"

namespace scmoe {

void finishRows(int64_t rows, int64_t dOut, const float* bias, Activation activation, float* product, float* y) {
  if (!bias && activation == Activation::kNone) return;
  withActivation(activation, [&](auto chosen) {
    for (int64_t i = 0; i < rows; ++i) {
      activateRow<chosen.value>(dOut, bias, product + i * dOut, y + i * dOut);
    }
  });
}

void linearForward(int64_t rows, int64_t dIn, int64_t dOut, const float* x, const float* weight, const float* bias,
                   Activation activation, bool float32, float* y, float* pre, WeightAhead* ahead) {
  const bool bf16 = !float32 && precision() == Precision::kBf16;
  const bool streams = streamsGemm(LayerProduct::kForward, bf16, rows, dIn, dOut);
  Arena::Scope scope;
  uint16_t* weight16 = nullptr;
  if (bf16 && !streams) {
    weight16 = scope.take<uint16_t>(dIn * dOut);
    convertToBf16(weight, dIn, dOut, dOut, weight16);
  }
  const SharedOperand shared(scope, bf16 ? 0 : rows, false, dOut, dIn, weight, dOut);
  float* const product = pre ? pre : y;
  forRowBlocks(rows, shared.blockRows(dOut), [&](int64_t first, int64_t count) {
    float* const block = product + first * dOut;
    if (bf16) {
      Arena::Scope own;
      auto* const x16 = own.take<uint16_t>(count * dIn);
      convertToBf16(x + first * dIn, count, dIn, dIn, x16);
      if (streams)
        streamedForward(count, dIn, dOut, x16, weight, block, ahead);
      else
        gemmBf16(false, false, count, dOut, dIn, x16, dIn, weight16, dOut, 0.0f, block, dOut);
    } else if (streams) {
      streamedForward(count, dIn, dOut, x + first * dIn, weight, block, ahead);
    } else {
      shared.multiply(count, x + first * dIn, dIn, block, dOut);
    }
    finishRows(count, dOut, bias, activation, block, y + first * dOut);
  });
}

void linearBackward(int64_t rows, int64_t dIn, int64_t dOut, const float* dy, const float* x, const float* weight,
                    const float* pre, Activation activation, bool float32, float* dx, float* dWeight, float* dBias,
                    double* squares, WeightAhead* ahead) {
  const bool bf16 = !float32 && precision() == Precision::kBf16;
  if (tilesGradients(bf16, rows, dIn, dOut))
    return tiledLinearBackward(bf16, rows, dIn, x, {{dOut, dy, weight, pre, activation, dWeight, dBias, squares}}, dx);
  const bool streamsDx = streamsGemm(LayerProduct::kInputGradient, bf16, rows, dIn, dOut);
  const bool streamsWeight = streamsGemm(LayerProduct::kWeightGradient, bf16, rows, dIn, dOut);
  Arena::Scope scope;
  uint16_t *weight16 = nullptr, *dPre16 = nullptr;
  float* dPre = nullptr;
  if (bf16) {
    dPre16 = scope.take<uint16_t>(rows * dOut);
    if (dx && !streamsDx) {
      weight16 = scope.take<uint16_t>(dIn * dOut);
      convertToBf16(weight, dIn, dOut, dOut, weight16);
    }
  }
  if (pre && !bf16) dPre = scope.take<float>(rows * dOut);
  const bool tilesDx = dx && tilesInputGradient(bf16, rows, dIn, dOut);
  const SharedOperand shared(scope, dx && !bf16 && !tilesDx ? rows : 0, true, dIn, dOut, weight, dOut);
  std::optional<TiledInputGradient> tiled;
  if (tilesDx) tiled.emplace(scope, bf16, dIn, dOut, weight);

  // One part per thread, each with its own bias sums, added up in order afterwards: the result repeats.
  const int64_t parts = std::max<int64_t>(1, std::min<int64_t>(threads(), rows / 32));
  float* const biasSums = dBias ? scope.take<float>(parts * dOut) : nullptr;
  const int64_t size = tilesDx ? kTiledRows : shared.blockRows(dOut);
  parallelFor(parts, 1, [&](int64_t firstPart, int64_t lastPart) {
    for (int64_t part = firstPart; part < lastPart; ++part) {
      float* const sums = biasSums ? biasSums + part * dOut : nullptr;
      if (sums) std::fill(sums, sums + dOut, 0.0f);
      const SlopeRows slopes{dOut, dy, pre, activation, sums};
      const int64_t end = rows * (part + 1) / parts;
      for (int64_t first = rows * part / parts; first < end; first += size) {
        const int64_t count = std::min(size, end - first);
        const int64_t at = first * dOut;
        Arena::Scope own;
        float* const room = !pre ? nullptr : bf16 ? own.take<float>(dOut) : dPre + at;
        const float* const block = slopes.make(first, count, room, bf16 ? dPre16 + at : nullptr);
        if (!dx) continue;
        if (bf16 && streamsDx) {
          streamedInputGradient(count, dIn, dOut, dPre16 + at, weight, dx + first * dIn, ahead);
        } else if (bf16) {
          gemmBf16(false, true, count, dIn, dOut, dPre16 + at, dOut, weight16, dOut, 0.0f, dx + first * dIn, dIn);
        } else if (streamsDx) {
          streamedInputGradient(count, dIn, dOut, block, weight, dx + first * dIn, ahead);
        } else if (tilesDx) {
          tiled->multiply(count, block, dx + first * dIn);
        } else {
          shared.multiply(count, block, dOut, dx + first * dIn, dIn);
        }
      }
    }
  });
  if (dBias) {
    std::memcpy(dBias, biasSums, dOut * sizeof(float));
    for (int64_t part = 1; part < parts; ++part)
      for (int64_t j = 0; j < dOut; ++j) dBias[j] += biasSums[part * dOut + j];
  }
  if (!dWeight) return;
  if (bf16) {
    auto* const x16 = scope.take<uint16_t>(rows * dIn);
    convertToBf16(x, rows, dIn, dIn, x16);
    if (streamsWeight) return streamedWeightGradient(rows, dIn, dOut, x16, dPre16, dWeight, squares, ahead);
    gemmBf16(true, false, dIn, dOut, rows, x16, dIn, dPre16, dOut, 0.0f, dWeight, dOut);
  } else {
    const float* const g = pre ? dPre : dy;
    if (streamsWeight) return streamedWeightGradient(rows, dIn, dOut, x, g, dWeight, squares, ahead);
    gemmFloat32(true, false, dIn, dOut, rows, 1.0f, x, dIn, g, dOut, 0.0f, dWeight, dOut);
  }
  // An expert's gradient is in the second-level cache still.
  if (squares) *squares += sumOfSquaresByAll(dWeight, dIn * dOut);
}

}  // namespace scmoe
