#include "cpu/mlp.h"

#include "core/arena.h"
#include "cpu/bf16.h"
#include "cpu/gemm.h"
#include "cpu/linear.h"
#include "cpu/tiled_mlp.h"

namespace scmoe {

namespace {

/// What is kept then lies in panels, so a gradient asks for sizes alone, and not for the precision of now.
bool isTiled(const MlpWeights& of, int64_t rows, bool halves) { return halves && tilesMlp(rows, of.d, of.f); }

uint16_t* asHalves(float* words) { return reinterpret_cast<uint16_t*>(words); }
const uint16_t* asHalves(const float* words) { return reinterpret_cast<const uint16_t*>(words); }

}  // namespace

void mlpForward(const MlpWeights& of, int64_t rows, const float* x, float* y, float* pre, float* hidden, bool halves) {
  if (isTiled(of, rows, halves)) return tiledMlpForward(of, rows, x, y, asHalves(pre), asHalves(hidden));
  Arena::Scope scope;
  float* const before = halves ? scope.take<float>(rows * of.f) : pre;
  float* const after = halves ? scope.take<float>(rows * of.f) : hidden;
  linearForward(rows, of.d, of.f, x, of.w1, of.b1, of.activation, false, after, before);
  linearForward(rows, of.f, of.d, after, of.w2, of.b2, Activation::kNone, false, y, nullptr);
  if (!halves) return;
  convertToBf16(before, rows, of.f, of.f, asHalves(pre));
  convertToBf16(after, rows, of.f, of.f, asHalves(hidden));
}

void mlpBackward(const MlpWeights& of, int64_t rows, const float* dy, const float* x, const float* pre,
                 const float* hidden, bool halves, const MlpGradients& to) {
  if (to.squares) to.squares[0] = to.squares[1] = 0;
  if (isTiled(of, rows, halves)) return tiledMlpBackward(of, rows, dy, x, asHalves(pre), asHalves(hidden), to);
  Arena::Scope scope;
  const int64_t count = rows * of.f;
  const float* const before = halves ? widened(scope, count, asHalves(pre)) : pre;
  const float* const after = halves ? widened(scope, count, asHalves(hidden)) : hidden;
  auto* const dHidden = scope.take<float>(count);
  linearBackward(rows, of.f, of.d, dy, after, of.w2, nullptr, Activation::kNone, false, dHidden, to.dW2, to.dB2,
                 to.squares ? to.squares + 1 : nullptr);
  linearBackward(rows, of.d, of.f, dHidden, x, of.w1, before, of.activation, false, to.dx, to.dW1, to.dB1, to.squares);
}

}  // namespace scmoe
