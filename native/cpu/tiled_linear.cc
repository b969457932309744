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

/// What is made of one layer: its operands in order, and sums of its bias by parts.
struct InTiles {
  const TiledLayer& layer;
  std::optional<TiledInputGradient> back;
  std::optional<TiledWeightGradient> gradient;
  float* biasSums = nullptr;
};

}  // namespace

void tiledLinearBackward(bool bf16, int64_t rows, int64_t dIn, const float* x, const std::vector<TiledLayer>& layers,
                         float* dx) {
  Arena::Scope scope;
  // One part per thread, each with its own bias sums, added up in order afterwards: the result repeats.
  const int64_t parts = std::max<int64_t>(1, std::min<int64_t>(threads(), rows / kFewestRows));
  std::vector<InTiles> all;
  all.reserve(layers.size());
  for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer) {
    InTiles& of = all.emplace_back(InTiles{*layer, {}, {}});
    if (dx) of.back.emplace(scope, bf16, dIn, layer->dOut, layer->weight);
    if (layer->dWeight) of.gradient.emplace(scope, bf16, rows, dIn, layer->dOut);
    if (layer->dBias) of.biasSums = scope.take<float>(parts * layer->dOut);
  }
  // Pairs of rows are one thread's.
  const auto border = [&](int64_t part) { return part == parts ? rows : rows * part / parts / 2 * 2; };
  parallelFor(parts, 1, [&](int64_t firstPart, int64_t lastPart) {
    for (int64_t part = firstPart; part < lastPart; ++part) {
      for (const InTiles& of : all)
        if (of.biasSums) std::fill_n(of.biasSums + part * of.layer.dOut, of.layer.dOut, 0.0f);
      const int64_t end = border(part + 1);
      for (int64_t first = border(part); first < end; first += kTiledRows) {
        const int64_t count = std::min(kTiledRows, end - first);
        for (const InTiles& of : all) {
          const auto& [dOut, dy, weight, pre, activation, dWeight, dBias, squares] = of.layer;
          Arena::Scope own;
          uint16_t* const rows16 = bf16 ? own.take<uint16_t>(count * dOut) : nullptr;
          float* const room = pre ? own.take<float>((bf16 ? 1 : count) * dOut) : nullptr;
          const SlopeRows slopes{dOut, dy, pre, activation, of.biasSums ? of.biasSums + part * dOut : nullptr};
          const float* const block = slopes.make(first, count, room, rows16);
          float* const to = dx + (dx ? first * dIn : 0);
          const bool adds = &of != &all.front();
          if (of.back) bf16 ? of.back->multiply(count, rows16, to, adds) : of.back->multiply(count, block, to, adds);
          if (of.gradient) bf16 ? of.gradient->take(first, count, rows16) : of.gradient->take(first, count, block);
        }
      }
    }
  });
  std::vector<TiledWeightGradient::Product> products;
  for (const InTiles& of : all) {
    const auto& [dOut, dy, weight, pre, activation, dWeight, dBias, squares] = of.layer;
    if (dBias) {
      std::copy(of.biasSums, of.biasSums + dOut, dBias);
      for (int64_t part = 1; part < parts; ++part)
        for (int64_t j = 0; j < dOut; ++j) dBias[j] += of.biasSums[part * dOut + j];
    }
    if (of.gradient) products.push_back({*of.gradient, dWeight, squares});
  }
  if (!products.empty()) TiledWeightGradient::multiplyAll(products, x);
}

}  // namespace scmoe
