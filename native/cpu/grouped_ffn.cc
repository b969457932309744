#include "cpu/grouped_ffn.h"

#include <cstring>
#include <optional>

#include "core/arena.h"
#include "cpu/bf16.h"
#include "cpu/gemm.h"
#include "cpu/linear.h"
#include "cpu/squares.h"
#include "cpu/swiglu.h"
#include "cpu/tiled_experts.h"

namespace scmoe {

namespace {

void zero(float* values, int64_t count) { std::memset(values, 0, count * sizeof(float)); }

/// The expert after e that has rows, or none: whose weights come next.
const float* weightOfNext(const ExpertRows& group, int64_t e, const float* weights, int64_t each) {
  for (++e; e < group.numExperts; ++e)
    if (group.counts[e] > 0) return weights + e * each;
  return nullptr;
}

/// Whether expert e is multiplied in tiles: where what is kept of it is in bf16, as they keep it.
bool isTiled(const ExpertRows& group, int64_t e, bool halves) {
  return halves && precision() == Precision::kBf16 && tilesExpert(group.counts[e], group.d, group.f);
}

/// Number `first` of what is in bf16, null where nothing is.
uint16_t* halvesAt(float* words, int64_t first) { return words ? reinterpret_cast<uint16_t*>(words) + first : nullptr; }
const uint16_t* halvesAt(const float* words, int64_t first) { return reinterpret_cast<const uint16_t*>(words) + first; }

struct StackedWeights {
  const ExpertRows& group;
  const float *w1, *b1, *w2, *b2;

  ExpertWeights of(int64_t e) const {
    const int64_t d = group.d, f = group.f;
    return {w1 + e * d * f, b1 ? b1 + e * f : nullptr, w2 + e * f * d, b2 ? b2 + e * d : nullptr};
  }
  /// Those of the expert with rows that follows, or none where there is none or it is not tiled.
  ExpertWeights tiledAfter(int64_t e, bool halves) const {
    for (++e; e < group.numExperts; ++e)
      if (group.counts[e] > 0) return isTiled(group, e, halves) ? of(e) : ExpertWeights();
    return {};
  }
};

}  // namespace

void groupedFfnForward(const ExpertRows& group, const float* x, const float* w1, const float* b1, const float* w2,
                       const float* b2, Activation activation, float* y, float* pre, float* hidden, bool halves) {
  const int64_t d = group.d, f = group.f;
  const StackedWeights all{group, w1, b1, w2, b2};
  WeightAhead ahead;
  Arena::Scope own;
  std::optional<TiledExperts> tiled;
  forEachExpert(
      group,
      [&](int64_t e, int64_t first, int64_t count) {
        if (count == 0) return;
        if (isTiled(group, e, halves || !pre)) {
          if (!tiled) tiled.emplace(own, d, f, activation);
          return tiled->forward(count, all.of(e), x + first * d, y + first * d, halvesAt(pre, first * f),
                                halvesAt(hidden, first * f), all.tiledAfter(e, halves || !pre));
        }
        Arena::Scope scope;
        float* const after = hidden && !halves ? hidden + first * f : scope.take<float>(count * f);
        float* const before = !pre ? nullptr : halves ? scope.take<float>(count * f) : pre + first * f;
        ahead.next = w2 + e * f * d;
        linearForward(count, d, f, x + first * d, w1 + e * d * f, b1 ? b1 + e * f : nullptr, activation, false, after,
                      before, &ahead);
        ahead.next = weightOfNext(group, e, w1, d * f);
        linearForward(count, f, d, after, w2 + e * f * d, b2 ? b2 + e * d : nullptr, Activation::kNone, false,
                      y + first * d, nullptr, &ahead);
        if (!pre || !halves) return;
        convertToBf16(before, count, f, f, halvesAt(pre, first * f));
        convertToBf16(after, count, f, f, halvesAt(hidden, first * f));
      },
      [&](int64_t first, int64_t count) { zero(y + first * d, count * d); });
}

void groupedFfnBackward(const ExpertRows& group, const float* dy, const float* x, const float* w1, const float* w2,
                        const float* pre, const float* hidden, bool halves, Activation activation, float* dx,
                        float* dW1, float* dB1, float* dW2, float* dB2, double* squares) {
  const int64_t d = group.d, f = group.f;
  const StackedWeights all{group, w1, nullptr, w2, nullptr};
  if (squares) squares[0] = squares[1] = 0;
  WeightAhead ahead;
  Arena::Scope own;
  std::optional<TiledExperts> tiled;
  forEachExpert(
      group,
      [&](int64_t e, int64_t first, int64_t count) {
        if (count == 0) {
          zero(dW1 + e * d * f, d * f);
          zero(dB1 + e * f, f);
          zero(dW2 + e * f * d, f * d);
          zero(dB2 + e * d, d);
          return;
        }
        if (isTiled(group, e, halves)) {
          if (!tiled) tiled.emplace(own, d, f, activation);
          return tiled->backward(count, all.of(e), dy + first * d, x + first * d, halvesAt(pre, first * f),
                                 halvesAt(hidden, first * f), all.tiledAfter(e, halves),
                                 {dx + first * d, dW1 + e * d * f, dB1 + e * f, dW2 + e * f * d, dB2 + e * d, squares});
        }
        Arena::Scope scope;
        auto* const dHidden = scope.take<float>(count * f);
        const float* const before = halves ? widened(scope, count * f, halvesAt(pre, first * f)) : pre + first * f;
        const float* const after = halves ? widened(scope, count * f, halvesAt(hidden, first * f)) : hidden + first * f;
        ahead.next = w1 + e * d * f;
        linearBackward(count, f, d, dy + first * d, after, w2 + e * f * d, nullptr, Activation::kNone, false, dHidden,
                       dW2 + e * f * d, dB2 + e * d, squares ? squares + 1 : nullptr, &ahead);
        ahead.next = weightOfNext(group, e, w2, f * d);
        linearBackward(count, d, f, dHidden, x + first * d, w1 + e * d * f, before, activation, false, dx + first * d,
                       dW1 + e * d * f, dB1 + e * f, squares, &ahead);
      },
      [&](int64_t first, int64_t count) { zero(dx + first * d, count * d); });
}

void groupedSwigluForward(const ExpertRows& group, const float* x, const float* gate, const float* up,
                          const float* down, float* y, float* gated, float* raised) {
  const int64_t d = group.d, f = group.f;
  forEachExpert(
      group,
      [&](int64_t e, int64_t first, int64_t count) {
        swigluForward(count, d, f, x + first * d, gate + e * d * f, up + e * d * f, down + e * f * d, y + first * d,
                      gated ? gated + first * f : nullptr, raised ? raised + first * f : nullptr);
      },
      [&](int64_t first, int64_t count) { zero(y + first * d, count * d); });
}

void groupedSwigluBackward(const ExpertRows& group, const float* dy, const float* x, const float* gate, const float* up,
                           const float* down, const float* gated, const float* raised, float* dx, float* dGate,
                           float* dUp, float* dDown, double* squares) {
  const int64_t d = group.d, f = group.f;
  if (squares) squares[0] = squares[1] = squares[2] = 0;
  forEachExpert(
      group,
      [&](int64_t e, int64_t first, int64_t count) {
        // No rows: the products are sums of nothing and leave zeros.
        swigluBackward(count, d, f, dy + first * d, x + first * d, gate + e * d * f, up + e * d * f, down + e * f * d,
                       gated + first * f, raised + first * f, dx + first * d, dGate + e * d * f, dUp + e * d * f,
                       dDown + e * f * d);
        if (!squares || count == 0) return;
        squares[0] += sumOfSquaresByAll(dGate + e * d * f, d * f);
        squares[1] += sumOfSquaresByAll(dUp + e * d * f, d * f);
        squares[2] += sumOfSquaresByAll(dDown + e * f * d, f * d);
      },
      [&](int64_t first, int64_t count) { zero(dx + first * d, count * d); });
}

}  // namespace scmoe
