#include "cpu/swiglu.h"

#include "core/arena.h"
#include "core/parallel.h"
#include "cpu/activation.h"
#include "cpu/gemm.h"
#include "cpu/vector_math.h"

namespace scmoe {

void multiplySilu(int64_t count, const float* gated, const float* raised, float* hidden) {
  parallelFor(count, grainFor(12), [&](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) hidden[i] = activate<Activation::kSilu>(gated[i]) * raised[i];
  });
}

void swigluForward(int64_t rows, int64_t d, int64_t f, const float* x, const float* gate, const float* up,
                   const float* down, float* y, float* gated, float* raised) {
  Arena::Scope scope;
  if (!gated) gated = scope.take<float>(rows * f);
  if (!raised) raised = scope.take<float>(rows * f);
  gemm(false, false, rows, f, d, 1.0f, x, d, gate, f, 0.0f, gated, f);
  gemm(false, false, rows, f, d, 1.0f, x, d, up, f, 0.0f, raised, f);
  auto* const hidden = scope.take<float>(rows * f);
  multiplySilu(rows * f, gated, raised, hidden);
  gemm(false, false, rows, d, f, 1.0f, hidden, f, down, d, 0.0f, y, d);
}

void swigluBackward(int64_t rows, int64_t d, int64_t f, const float* dy, const float* x, const float* gate,
                    const float* up, const float* down, const float* gated, const float* raised, float* dx,
                    float* dGate, float* dUp, float* dDown) {
  Arena::Scope scope;
  auto* const hidden = scope.take<float>(rows * f);
  auto* const dGated = scope.take<float>(rows * f);  // first the gradient of `hidden`
  auto* const dRaised = scope.take<float>(rows * f);
  gemm(false, true, rows, f, d, 1.0f, dy, d, down, d, 0.0f, dGated, f);
  parallelFor(rows * f, grainFor(24), [&](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) {
      const float s = vsigmoid(gated[i]), silu = gated[i] * s, g = dGated[i];
      hidden[i] = silu * raised[i];
      dRaised[i] = g * silu;
      dGated[i] = g * raised[i] * s * (1.0f + gated[i] * (1.0f - s));
    }
  });
  gemm(true, false, f, d, rows, 1.0f, hidden, f, dy, d, 0.0f, dDown, d);
  gemm(true, false, d, f, rows, 1.0f, x, d, dGated, f, 0.0f, dGate, f);
  gemm(true, false, d, f, rows, 1.0f, x, d, dRaised, f, 0.0f, dUp, f);
  gemm(false, true, rows, d, f, 1.0f, dGated, f, gate, f, 0.0f, dx, d);
  gemm(false, true, rows, d, f, 1.0f, dRaised, f, up, f, 1.0f, dx, d);
}

}  // namespace scmoe
