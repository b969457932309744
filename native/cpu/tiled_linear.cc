#include "cpu/tiled_linear.h"

#include <optional>

#include "core/arena.h"
#include "cpu/column_sums.h"
#include "cpu/row_parts.h"
#include "cpu/slope_rows.h"
#include "cpu/tiled_gemm.h"
#include "cpu/tiled_weight_gradient.h"

namespace scmoe {

namespace {

/// What is made of one layer: its operands in order, and sums of its bias by parts.
struct InTiles {
  const TiledLayer& layer;
  std::optional<TiledInputGradient> back;
  std::optional<TiledWeightGradient> gradient;
  std::optional<ColumnSums> dBias;
};

}  // namespace

void tiledLinearBackward(bool bf16, int64_t rows, int64_t dIn, const float* x, const std::vector<TiledLayer>& layers,
                         float* dx) {
  Arena::Scope scope;
  const RowParts parts(rows);
  std::vector<InTiles> all;
  all.reserve(layers.size());
  for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer) {
    InTiles& of = all.emplace_back(InTiles{*layer, {}, {}, {}});
    if (dx) of.back.emplace(scope, bf16, dIn, layer->dOut, layer->weight);
    if (layer->dWeight) of.gradient.emplace(scope, bf16, rows, dIn, layer->dOut);
    if (layer->dBias) of.dBias.emplace(scope, parts.parts, layer->dOut);
  }
  parts.forBlocks([&](int64_t part, int64_t first, int64_t count) {
    for (const InTiles& of : all) {
      const auto& [dOut, dy, weight, pre, activation, dWeight, dBias, squares] = of.layer;
      Arena::Scope own;
      uint16_t* const rows16 = bf16 ? own.take<uint16_t>(count * dOut) : nullptr;
      float* const room = pre ? own.take<float>((bf16 ? 1 : count) * dOut) : nullptr;
      const SlopeRows slopes{dOut, dy, pre, activation, of.dBias ? of.dBias->of(part) : nullptr};
      const float* const block = slopes.make(first, count, room, rows16);
      float* const to = dx + (dx ? first * dIn : 0);
      const bool adds = &of != &all.front();
      if (of.back) bf16 ? of.back->multiply(count, rows16, to, adds) : of.back->multiply(count, block, to, adds);
      if (of.gradient) bf16 ? of.gradient->take(first, count, rows16) : of.gradient->take(first, count, block);
    }
  });
  std::vector<TiledWeightGradient::Product> products;
  for (const InTiles& of : all) {
    if (of.dBias) of.dBias->write(of.layer.dBias);
    if (of.gradient) products.push_back({*of.gradient, of.layer.dWeight, of.layer.squares});
  }
  if (!products.empty()) TiledWeightGradient::multiplyAll(products, x);
}

}  // namespace scmoe
