#include "cpu/tiled_cross_entropy.h"

#include "core/error.h"
#include "cpu/operand_kinds.h"

#if SCMOE_BF16_PAIRS
#include <algorithm>
#include <cmath>

#include "core/arena.h"
#include "core/parallel.h"
#include "cpu/bf16.h"
#include "cpu/gemm.h"
#include "cpu/gemm_depths.h"
#include "cpu/paired_blocks.h"
#include "cpu/panel_tile.h"
#include "cpu/scaled_tile.h"
#include "cpu/tiled_gemm.h"

namespace scmoe {

using panels::kBeside;

namespace {

/// Tokens side by side in a tile, and classes below each other.
constexpr int64_t kTokens = kTiledColumns, kClasses = kTiledRows;
/// Classes whose weights are brought into order together: they stay in the second-level cache.
constexpr int64_t kBlock = 4 * kClasses;
constexpr float kLog2e = 1.44269504f, kLn2 = 0.693147181f;

int64_t ceilOf(int64_t count, int64_t unit) { return (count + unit - 1) / unit; }

/// Tokens of a piece: what is kept of them takes two bytes a class.
int64_t tokensOfPiece(const LinearCrossEntropy& shape) {
  const int64_t most = std::max<int64_t>(1, 4 * shape.pieceFloats / shape.classes / kTokens) * kTokens;
  const int64_t pieces = std::max<int64_t>(1, ceilOf(shape.rows, most));
  return ceilOf(ceilOf(shape.rows, pieces), kTokens) * kTokens;
}

/// Some tokens of a head, in panels of kTokens.
class Piece {
 public:
  Piece(const LinearCrossEntropy& shape, float scale, const float* weight, const float* bias, int64_t tokens,
        bool wantsGradient, Arena::Scope& scope)
      : shape_(shape),
        scale_(scale),
        weight_(weight),
        bias_(bias),
        widthOfWeight_(shape.transposed ? shape.dIn : shape.classes),
        tiles_(ceilOf(shape.classes, kClasses)),
        room_(ceilOf(tokens, kTokens)),
        x_(scope.take<float>(std::max(room_ * kTokens * shape.dIn / 2,
                                      ceilOf(shape.dIn, kTiledColumns) * kTiledColumns * room_ * kTokens / 2))),
        largest_(scope.take<float>(tiles_ * room_ * kTokens)),
        sums_(scope.take<float>(tiles_ * room_ * kTokens)),
        totals_(shape.smoothing != 0.0f ? scope.take<float>(tiles_ * room_ * kTokens) : nullptr),
        ofTarget_(scope.take<float>(room_ * kTokens)),
        logsum_(scope.take<float>(room_ * kTokens)),
        kept_(wantsGradient ? scope.take<uint16_t>(room_ * kTokens * shape.classes) : nullptr) {}

  /// Reads the weight once, and keeps of x weight + bias what the rest needs.
  void forward(int64_t count, const float* x, const int32_t* targets);
  void losses(float* losses);
  /// dWeight and dBias are added to those of the pieces before, if any.
  void backward(const float* x, float* dx, float* dWeight, float* dBias, bool isFirst);

 private:
  struct Block {
    int64_t first, count;
  };
  struct Room {
    float *weight, *rows, *bias;
    int64_t weightStride, rowStride;
  };

  int64_t panels() const { return ceilOf(count_, kTokens); }
  /// Vectors of a panel that has `count` tokens left, of which two at a time are rounded to bf16.
  int64_t vectorsOf(int64_t panel) const { return ceilOf(std::min(kTokens, count_ - panel * kTokens), 2 * kLanes) * 2; }
  int64_t statistic(int64_t tile, int64_t panel) const { return (tile * room_ + panel) * kTokens; }
  bool counts(int64_t token) const { return token < count_ && targets_[token] != shape_.ignore; }
  Block blockFrom(int64_t first) const { return {first, std::min(kBlock, shape_.classes - first)}; }
  uint16_t* kept(int64_t panel, int64_t aClass) const { return kept_ + (panel * shape_.classes + aClass) * kTokens; }

  void finishTile(int64_t panel, int64_t first, int64_t count, float* logits);
  int64_t partsOfWeight(const Block& block) const;
  void orderWeight(const Block& block, int64_t part, const Room& room) const;
  void scaleBlock(const Block& block, int64_t panel, const Room& room, float* pairs, bool isFirst) const;
  template <typename Body>
  void forTargets(const Block& block, int64_t panel, const Body& body) const;
  void setTargets(const Block& block, int64_t panel, const Room& room, float* pairs, bool isFirst) const;
  void multiplyWeight(const Block& block, int64_t first, int64_t column, const Room& room, float* dWeight,
                      bool isFirst) const;

  const LinearCrossEntropy& shape_;
  const float scale_;
  const float *const weight_, *const bias_;
  const int64_t widthOfWeight_, tiles_, room_;
  float* const x_;
  float *const largest_, *const sums_, *const totals_, *const ofTarget_, *const logsum_;
  uint16_t* const kept_;
  int64_t count_ = 0;
  const int32_t* targets_ = nullptr;
};

void Piece::forward(int64_t count, const float* x, const int32_t* targets) {
  count_ = count;
  targets_ = targets;
  const int64_t dIn = shape_.dIn, depth = dIn / 2, stride = depth + kBeside;
  parallelFor(panels(), grainFor(dIn * kTokens * 8), [&](int64_t begin, int64_t end) {
    for (int64_t panel = begin; panel < end; ++panel)
      rowsAsColumns(std::min(kTokens, count - panel * kTokens), dIn, x + panel * kTokens * dIn, dIn,
                    x_ + panel * kTokens * depth, kTokens);
  });
  parallelFor(ceilOf(shape_.classes, kBlock), 1, [&](int64_t begin, int64_t end) {
    Arena::Scope own;
    auto* const weight = own.take<float>(kBlock * stride);
    alignas(64) float logits[kClasses * kTokens];
    for (int64_t b = begin; b < end; ++b) {
      const Block block = blockFrom(b * kBlock);
      if (shape_.transposed)
        pairBlock(block.count, dIn, weight_ + block.first * dIn, dIn, weight, stride);
      else
        turnBlock(dIn, block.count, weight_ + block.first, widthOfWeight_, weight, stride);
      for (int64_t panel = 0; panel < panels(); ++panel)
        for (int64_t i = 0; i < block.count; i += kClasses) {
          const int64_t rows = std::min(kClasses, block.count - i);
          forLibraryDepths<Pairs>(dIn, [&](int64_t from, int64_t size) {
            multiplyInOrder(rows, vectorsOf(panel), size / 2, weight + i * stride + from / 2, stride,
                            x_ + panel * kTokens * depth + from / 2 * kTokens,
                            {logits, kTokens, from > 0 ? logits : nullptr, kTokens});
          });
          finishTile(panel, block.first + i, rows, logits);
        }
    }
    _mm_sfence();
  });
}

/// Makes logits (count, kTokens) exponentials, which it keeps, and notes what sums of all classes need.
void Piece::finishTile(int64_t panel, int64_t first, int64_t count, float* logits) {
  // Where all of a tile's classes are masked by -Infinity none may become NaN.
  constexpr float kLeast = -1e38f;
  if (bias_)
    for (int64_t i = 0; i < count; ++i)
      for (int64_t t = 0; t < vectorsOf(panel) * kLanes; t += kLanes)
        store(logits + i * kTokens + t, load(logits + i * kTokens + t) + bias_[first + i]);
  const int64_t at = statistic(first / kClasses, panel);
  for (int64_t t = 0; t < vectorsOf(panel) * kLanes; t += 2 * kLanes) {
    Vec most[2] = {broadcast(kLeast), broadcast(kLeast)}, sum[2] = {}, total[2] = {};
    for (int64_t i = 0; i < count; ++i)
      for (int v = 0; v < 2; ++v) most[v] = maximum(load(logits + i * kTokens + t + v * kLanes), most[v]);
    for (int v = 0; v < 2; ++v) most[v] *= kLog2e;
    if (totals_) {
      for (int64_t i = 0; i < count; ++i)
        for (int v = 0; v < 2; ++v) total[v] += load(logits + i * kTokens + t + v * kLanes);
      for (int v = 0; v < 2; ++v) store(totals_ + at + t + v * kLanes, total[v]);
    }
    auto* to = kept_ ? kept(panel, first) + t : nullptr;
    for (int64_t i = 0; i < count; ++i) {
      Vec power[2];
      for (int v = 0; v < 2; ++v) {
        power[v] = powerOfTwo(load(logits + i * kTokens + t + v * kLanes) * kLog2e - most[v]);
        sum[v] += power[v];
      }
      if (to) {
        _mm512_stream_si512(reinterpret_cast<__m512i*>(to), reinterpret_cast<__m512i>(pairsAlong(power[0], power[1])));
        to += kTokens;
      }
    }
    for (int v = 0; v < 2; ++v) {
      store(largest_ + at + t + v * kLanes, most[v]);
      store(sums_ + at + t + v * kLanes, sum[v]);
    }
  }
  for (int64_t t = 0; t < std::min(kTokens, count_ - panel * kTokens); ++t) {
    const int64_t token = panel * kTokens + t, row = targets_[token] - first;
    if (row >= 0 && row < count) ofTarget_[token] = logits[row * kTokens + t];
  }
}

void Piece::losses(float* losses) {
  const float smoothing = shape_.smoothing;
  parallelFor(panels(), grainFor(tiles_ * kTokens * 16), [&](int64_t begin, int64_t end) {
    for (int64_t panel = begin; panel < end; ++panel)
      for (int64_t t = 0; t < vectorsOf(panel) * kLanes; t += kLanes) {
        Vec most = broadcast(-INFINITY), sum{}, total{};
        for (int64_t tile = 0; tile < tiles_; ++tile) most = maximum(load(largest_ + statistic(tile, panel) + t), most);
        for (int64_t tile = 0; tile < tiles_; ++tile) {
          const int64_t at = statistic(tile, panel) + t;
          sum += powerOfTwo(load(largest_ + at) - most) * load(sums_ + at);
          if (totals_) total += load(totals_ + at);
        }
        for (int64_t lane = 0; lane < kLanes; ++lane) {
          const int64_t token = panel * kTokens + t + lane;
          logsum_[token] = most[lane] + std::log2(sum[lane]);
          if (token >= count_) continue;
          const float lse = most[lane] * kLn2 + std::log(sum[lane]);
          losses[token] = 0.0f;
          if (!counts(token)) continue;
          losses[token] = (1.0f - smoothing) * (lse - ofTarget_[token]);
          if (totals_) losses[token] += smoothing * (lse - total[lane] / static_cast<float>(shape_.classes));
        }
      }
  });
}

void Piece::backward(const float* x, float* dx, float* dWeight, float* dBias, bool isFirst) {
  const int64_t dIn = shape_.dIn, depth = (count_ + 1) / 2;
  if (dWeight)
    parallelFor(depth, grainFor(dIn * 12),
                [&](int64_t begin, int64_t end) { pairPanels<kTiledColumns>(count_, dIn, x, begin, end, x_); });
  Arena::Scope scope;
  const int64_t weightStride = kBlock / 2 + kBeside, rowStride = panels() * kTokens / 2 + kBeside;
  const Room room{dx ? scope.take<float>(dIn * weightStride) : nullptr, scope.take<float>(kBlock * rowStride),
                  dBias ? scope.take<float>(kBlock * panels()) : nullptr, weightStride, rowStride};
  auto* const turned = dx ? scope.take<float>(panels() * dIn * kTokens) : nullptr;
  const int64_t blocksOfX = ceilOf(dIn, kTiledRows), panelsOfX = ceilOf(dIn, kTiledColumns);
  // Several threads may scale a panel, each for a part of dx.
  const int64_t shares = dx ? std::min(blocksOfX, ceilOf(threads(), panels())) : 1;
  for (int64_t first = 0; first < shape_.classes; first += kBlock) {
    const Block block = blockFrom(first);
    if (dx)
      parallelFor(partsOfWeight(block), 1, [&](int64_t begin, int64_t end) {
        for (int64_t part = begin; part < end; ++part) orderWeight(block, part, room);
      });
    parallelFor(panels() * shares, 1, [&](int64_t begin, int64_t end) {
      alignas(64) float pairs[kBlock / 2 * kTokens];
      for (int64_t item = begin; item < end; ++item) {
        const int64_t panel = item / shares, share = item % shares;
        scaleBlock(block, panel, room, pairs, share == 0);
        if (!dx) continue;
        for (int64_t i = blocksOfX * share / shares; i < blocksOfX * (share + 1) / shares; ++i) {
          float* const to = turned + (panel * dIn + i * kTiledRows) * kTokens;
          multiplyInOrder(std::min(kTiledRows, dIn - i * kTiledRows), vectorsOf(panel), (block.count + 1) / 2,
                          room.weight + i * kTiledRows * weightStride, weightStride, pairs,
                          {to, kTokens, first > 0 ? to : nullptr, kTokens});
        }
      }
    });
    if (dWeight)
      parallelFor(panelsOfX * ceilOf(block.count, kClasses), 1, [&](int64_t begin, int64_t end) {
        for (int64_t item = begin; item < end; ++item)
          multiplyWeight(block, item / panelsOfX * kClasses, item % panelsOfX * kTiledColumns, room, dWeight, isFirst);
        _mm_sfence();
      });
    if (dBias)
      for (int64_t i = 0; i < block.count; ++i) {
        float sum = isFirst ? 0.0f : dBias[first + i];
        for (int64_t panel = 0; panel < panels(); ++panel) sum += room.bias[i * panels() + panel];
        dBias[first + i] = sum;
      }
  }
  if (!dx) return;
  parallelFor(panels(), grainFor(dIn * kTokens * 8), [&](int64_t begin, int64_t end) {
    for (int64_t panel = begin; panel < end; ++panel) {
      const int64_t tokens = std::min(kTokens, count_ - panel * kTokens);
      const float* const from = turned + panel * dIn * kTokens;
      turnFloats(dIn, tokens, from, kTokens, dx + panel * kTokens * dIn, dIn, false);
    }
  });
}

/// Parts in which the weight of a block is brought into order, each of which reads whole lines.
int64_t Piece::partsOfWeight(const Block& block) const {
  return ceilOf(shape_.transposed ? block.count : shape_.dIn, 2 * kLanes);
}

/// Words (dIn, classes / 2) of a block.
void Piece::orderWeight(const Block& block, int64_t part, const Room& room) const {
  constexpr int64_t kUnit = 2 * kLanes;
  const int64_t dIn = shape_.dIn, i = part * kUnit;
  if (shape_.transposed)
    turnBlock(std::min(kUnit, block.count - i), dIn, weight_ + (block.first + i) * dIn, dIn, room.weight + i / 2,
              room.weightStride);
  else
    pairBlock(std::min(kUnit, dIn - i), block.count, weight_ + i * widthOfWeight_ + block.first, widthOfWeight_,
              room.weight + i * room.weightStride, room.weightStride);
}

/// Makes what is kept of a panel the loss's gradients by the logits: pairs of tokens below each other by classes,
/// unless another thread does that, and pairs of classes side by side by tokens.
void Piece::scaleBlock(const Block& block, int64_t panel, const Room& room, float* pairs, bool isFirst) const {
  forTargets(block, panel, [&](int64_t, int64_t lane, int64_t row) { kept(panel, block.first + row)[lane] = 0; });
  ScaledTile tile{};
  tile.uniform = broadcast(scale_ * shape_.smoothing / static_cast<float>(shape_.classes));
  for (int64_t v = 0; v < vectorsOf(panel); v += 2)
    for (int64_t i = 0; i < block.count; i += kClasses) {
      const int64_t at = statistic((block.first + i) / kClasses, panel), token = panel * kTokens + v * kLanes;
      for (int64_t half = 0; half < 2; ++half) {
        const int64_t lane = v * kLanes + half * kLanes;
        tile.factors[half] = powerOfTwo(load(largest_ + at + lane) - load(logsum_ + panel * kTokens + lane)) * scale_;
        tile.counted[half] = 0;
        for (int64_t k = 0; k < kLanes; ++k)
          tile.counted[half] |= static_cast<__mmask16>(counts(token + half * kLanes + k) << k);
      }
      tile.from = kept(panel, block.first + i) + v * kLanes;
      tile.rows = isFirst ? room.rows + i * room.rowStride + token / 2 : nullptr;
      tile.rowStride = room.rowStride;
      tile.pairs = pairs + i / 2 * kTokens + v * kLanes;
      tile.sums = isFirst && room.bias ? room.bias + i * panels() + panel : nullptr;
      tile.sumStride = panels();
      tile.adds = v > 0;
      tile.scale(std::min(kClasses, block.count - i));
    }
  setTargets(block, panel, room, pairs, isFirst);
}

/// Calls body(token, lane, row) for the targets that count of a panel and are in a block.
template <typename Body>
void Piece::forTargets(const Block& block, int64_t panel, const Body& body) const {
  for (int64_t lane = 0; lane < std::min(kTokens, count_ - panel * kTokens); ++lane) {
    const int64_t token = panel * kTokens + lane, row = targets_[token] - block.first;
    if (row >= 0 && row < block.count && counts(token)) body(token, lane, row);
  }
}

/// The gradients by the logits of targets, from the logits themselves: those of tokens that are all but certain are
/// small differences.
void Piece::setTargets(const Block& block, int64_t panel, const Room& room, float* pairs, bool isFirst) const {
  const float uniform = scale_ * shape_.smoothing / static_cast<float>(shape_.classes);
  forTargets(block, panel, [&](int64_t token, int64_t lane, int64_t row) {
    const float power = std::exp2(ofTarget_[token] * kLog2e - logsum_[token]);
    const float gradient = scale_ * (power - (1.0f - shape_.smoothing));
    const uint16_t rounded = toBf16(gradient - uniform);
    reinterpret_cast<uint16_t*>(pairs + row / 2 * kTokens + lane)[row % 2] = rounded;
    if (!isFirst) return;
    reinterpret_cast<uint16_t*>(room.rows + row * room.rowStride)[token] = rounded;
    if (room.bias) room.bias[row * panels() + panel] += gradient;
  });
}

/// Some classes of a block and kTiledColumns columns of the gradient of the weight.
void Piece::multiplyWeight(const Block& block, int64_t first, int64_t column, const Room& room, float* dWeight,
                           bool isFirst) const {
  const int64_t dIn = shape_.dIn, rows = std::min(kClasses, block.count - first);
  const int64_t vectors = std::min<int64_t>(kTiledColumns, dIn - column) / kLanes;
  const float* const panel = x_ + column / kTiledColumns * ((count_ + 1) / 2) * kTiledColumns;
  float* const to = dWeight + (shape_.transposed ? (block.first + first) * dIn + column
                                                 : column * shape_.classes + block.first + first);
  alignas(64) float held[kClasses * kTiledColumns];
  forLibraryDepths<Pairs>(count_, [&](int64_t from, int64_t size) {
    TileSums sums{held, kTiledColumns};
    if (from > 0) sums.before = held, sums.beforeStride = kTiledColumns;
    if (from == 0 && !isFirst && shape_.transposed) sums.before = to, sums.beforeStride = dIn;
    if (from + size == count_ && shape_.transposed) sums.to = to, sums.stride = dIn, sums.streams = canStream(dWeight);
    multiplyInOrder(rows, vectors, (size + 1) / 2, room.rows + first * room.rowStride + from / 2, room.rowStride,
                    panel + from / 2 * kTiledColumns, sums);
  });
  if (!shape_.transposed) turnFloats(rows, vectors * kLanes, held, kTiledColumns, to, shape_.classes, !isFirst);
}

}  // namespace

bool tilesCrossEntropy(bool bf16, int64_t dIn, int64_t classes) {
  return bf16 && dIn > 0 && dIn % (2 * kLanes) == 0 && classes >= kClasses && !usesBlockedGemm();
}

void tiledCrossEntropy(const LinearCrossEntropy& shape, float scale, const float* x, const float* weight,
                       const float* bias, const int32_t* targets, float* losses, float* dx, float* dWeight,
                       float* dBias) {
  const bool wantsGradient = dx || dWeight || dBias;
  const int64_t size = std::min(shape.rows, tokensOfPiece(shape));
  Arena::Scope scope;
  Piece piece(shape, scale, weight, bias, size, wantsGradient, scope);
  for (int64_t first = 0; first < shape.rows; first += size) {
    const float* const rows = x + first * shape.dIn;
    piece.forward(std::min(size, shape.rows - first), rows, targets + first);
    piece.losses(losses + first);
    if (wantsGradient) piece.backward(rows, dx ? dx + first * shape.dIn : nullptr, dWeight, dBias, first == 0);
  }
}

}  // namespace scmoe

#else

namespace scmoe {

bool tilesCrossEntropy(bool, int64_t, int64_t) { return false; }

void tiledCrossEntropy(const LinearCrossEntropy&, float, const float*, const float*, const float*, const int32_t*,
                       float*, float*, float*, float*) {
  throw Error("tiledCrossEntropy: this build has no tiled products");
}

}  // namespace scmoe

#endif
