#include "cpu/grouped_ffn.h"

#include <cstring>

#include "core/arena.h"
#include "cpu/linear.h"
#include "cpu/squares.h"
#include "cpu/swiglu.h"

namespace scmoe {

namespace {

void zero(float* values, int64_t count) { std::memset(values, 0, count * sizeof(float)); }

/// The expert after e that has rows, or none: whose weights come next.
const float* weightOfNext(const ExpertRows& group, int64_t e, const float* weights, int64_t each) {
  for (++e; e < group.numExperts; ++e)
    if (group.counts[e] > 0) return weights + e * each;
  return nullptr;
}

}  // namespace

void groupedFfnForward(const ExpertRows& group, const float* x, const float* w1, const float* b1, const float* w2,
                       const float* b2, Activation activation, float* y, float* pre, float* hidden) {
  const int64_t d = group.d, f = group.f;
  WeightAhead ahead;
  forEachExpert(
      group,
      [&](int64_t e, int64_t first, int64_t count) {
        if (count == 0) return;
        Arena::Scope scope;
        float* const ownHidden = hidden ? hidden + first * f : scope.take<float>(count * f);
        ahead.next = w2 + e * f * d;
        linearForward(count, d, f, x + first * d, w1 + e * d * f, b1 ? b1 + e * f : nullptr, activation, false,
                      ownHidden, pre ? pre + first * f : nullptr, &ahead);
        ahead.next = weightOfNext(group, e, w1, d * f);
        linearForward(count, f, d, ownHidden, w2 + e * f * d, b2 ? b2 + e * d : nullptr, Activation::kNone, false,
                      y + first * d, nullptr, &ahead);
      },
      [&](int64_t first, int64_t count) { zero(y + first * d, count * d); });
}

void groupedFfnBackward(const ExpertRows& group, const float* dy, const float* x, const float* w1, const float* w2,
                        const float* pre, const float* hidden, Activation activation, float* dx, float* dW1, float* dB1,
                        float* dW2, float* dB2, double* squares) {
  const int64_t d = group.d, f = group.f;
  if (squares) squares[0] = squares[1] = 0;
  WeightAhead ahead;
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
        Arena::Scope scope;
        auto* const dHidden = scope.take<float>(count * f);
        ahead.next = w1 + e * d * f;
        linearBackward(count, f, d, dy + first * d, hidden + first * f, w2 + e * f * d, nullptr, Activation::kNone,
                       false, dHidden, dW2 + e * f * d, dB2 + e * d, squares ? squares + 1 : nullptr, &ahead);
        ahead.next = weightOfNext(group, e, w2, f * d);
        linearBackward(count, d, f, dHidden, x + first * d, w1 + e * d * f, pre + first * f, activation, false,
                       dx + first * d, dW1 + e * d * f, dB1 + e * f, squares, &ahead);
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
