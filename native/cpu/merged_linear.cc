#include "cpu/merged_linear.h"

#include <algorithm>

#include "core/arena.h"
#include "core/parallel.h"
#include "cpu/bf16.h"
#include "cpu/gemm.h"
#include "cpu/linear.h"
#include "cpu/row_blocks.h"
#include "cpu/streamed_gemm.h"
#include "cpu/tiled_gemm.h"
#include "cpu/tiled_linear.h"

namespace scmoe {

namespace {

/// Rows that are rounded, and multiplied while they are near.
constexpr int64_t kBlockRows = 512;

/// Whether the input is worth rounding for all: products of few rows read their weights in an order of their own.
bool roundsOnce(int64_t rows, int64_t dIn, const std::vector<MergedLayer>& layers) {
  return precision() == Precision::kBf16 && std::none_of(layers.begin(), layers.end(), [&](const MergedLayer& layer) {
           return streamsGemm(LayerProduct::kForward, true, rows, dIn, layer.dOut);
         });
}

/// Whether tiles have layers of this width, in bf16 alone: float32 sums of a gradient that come piece by piece would
/// have other bits than those of whole ones.
bool fitsTiles(const MergedLayerGradient& layer) {
  return precision() == Precision::kBf16 && layer.dOut % kTiledUnit == 0;
}

/// The layers whose gradients are made together; none where they have too few numbers.
std::vector<TiledLayer> tiledOf(int64_t rows, int64_t dIn, const std::vector<MergedLayerGradient>& layers) {
  std::vector<TiledLayer> tiled;
  int64_t columns = 0;
  for (const auto& layer : layers) {
    if (!fitsTiles(layer)) continue;
    tiled.push_back(
        {layer.dOut, layer.dy, layer.weight, nullptr, Activation::kNone, layer.dWeight, layer.dBias, nullptr});
    columns += layer.dOut;
  }
  if (!tilesGradients(true, rows, dIn, columns)) tiled.clear();
  return tiled;
}

void addTo(float* to, const float* from, int64_t count) {
  parallelFor(count, grainFor(1), [&](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) to[i] += from[i];
  });
}

}  // namespace

void mergedLinearForward(int64_t rows, int64_t dIn, const float* x, const std::vector<MergedLayer>& layers) {
  if (!roundsOnce(rows, dIn, layers)) {
    for (const auto& [dOut, weight, bias, y] : layers)
      linearForward(rows, dIn, dOut, x, weight, bias, Activation::kNone, false, y, nullptr);
    return;
  }
  Arena::Scope scope;
  std::vector<const uint16_t*> weights16;
  for (const auto& [dOut, weight, bias, y] : layers) {
    auto* const weight16 = scope.take<uint16_t>(dIn * dOut);
    convertToBf16(weight, dIn, dOut, dOut, weight16);
    weights16.push_back(weight16);
  }
  forRowBlocks(rows, kBlockRows, [&](int64_t first, int64_t count) {
    Arena::Scope own;
    auto* const x16 = own.take<uint16_t>(count * dIn);
    convertToBf16(x + first * dIn, count, dIn, dIn, x16);
    for (size_t i = 0; i < layers.size(); ++i) {
      const auto& [dOut, weight, bias, y] = layers[i];
      float* const block = y + first * dOut;
      gemmBf16(false, false, count, dOut, dIn, x16, dIn, weights16[i], dOut, 0.0f, block, dOut);
      finishRows(count, dOut, bias, Activation::kNone, block, block);
    }
  });
}

void mergedLinearBackward(int64_t rows, int64_t dIn, const float* x, const std::vector<MergedLayerGradient>& layers,
                          float* dx) {
  const std::vector<TiledLayer> tiled = tiledOf(rows, dIn, layers);
  if (!tiled.empty()) tiledLinearBackward(true, rows, dIn, x, tiled, dx);
  Arena::Scope scope;
  float* other = nullptr;
  bool isFirst = tiled.empty();
  for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer) {
    if (!tiled.empty() && fitsTiles(*layer)) continue;
    const auto& [dOut, dy, weight, dWeight, dBias] = *layer;
    if (!isFirst && !other) other = scope.take<float>(rows * dIn);
    linearBackward(rows, dIn, dOut, dy, x, weight, nullptr, Activation::kNone, false, isFirst ? dx : other, dWeight,
                   dBias);
    if (!isFirst) addTo(dx, other, rows * dIn);
    isFirst = false;
  }
}

}  // namespace scmoe
