#include "cpu/stored_layers.h"

#include <algorithm>

#include "core/arena.h"
#include "cpu/linear.h"
#include "cpu/swiglu.h"

namespace scmoe {

void storedLinear(int64_t rows, int64_t dIn, int64_t dOut, const float* x, const StoredWeight& weight,
                  const float* bias, Activation activation, bool float32, float* y) {
  storedProduct(rows, dIn, dOut, x, weight, float32, y);
  finishRows(rows, dOut, bias, activation, y, y);
}

void storedGroupedFfn(const ExpertRows& group, const float* x, const StoredWeight& w1, const float* b1,
                      const StoredWeight& w2, const float* b2, Activation activation, float* y) {
  const int64_t d = group.d, f = group.f;
  forEachExpert(
      group,
      [&](int64_t e, int64_t first, int64_t count) {
        Arena::Scope scope;
        auto* const hidden = scope.take<float>(count * f);
        storedLinear(count, d, f, x + first * d, w1.matrix(e, d, f), b1 ? b1 + e * f : nullptr, activation, false,
                     hidden);
        storedLinear(count, f, d, hidden, w2.matrix(e, f, d), b2 ? b2 + e * d : nullptr, Activation::kNone, false,
                     y + first * d);
      },
      [&](int64_t first, int64_t count) { std::fill(y + first * d, y + (first + count) * d, 0.0f); });
}

void storedGroupedSwiglu(const ExpertRows& group, const float* x, const StoredWeight& gate, const StoredWeight& up,
                         const StoredWeight& down, float* y) {
  const int64_t d = group.d, f = group.f;
  forEachExpert(
      group,
      [&](int64_t e, int64_t first, int64_t count) {
        Arena::Scope scope;
        auto* const gated = scope.take<float>(count * f);
        auto* const raised = scope.take<float>(count * f);
        storedProduct(count, d, f, x + first * d, gate.matrix(e, d, f), false, gated);
        storedProduct(count, d, f, x + first * d, up.matrix(e, d, f), false, raised);
        multiplySilu(count * f, gated, raised, gated);
        storedProduct(count, f, d, gated, down.matrix(e, f, d), false, y + first * d);
      },
      [&](int64_t first, int64_t count) { std::fill(y + first * d, y + (first + count) * d, 0.0f); });
}

}  // namespace scmoe
