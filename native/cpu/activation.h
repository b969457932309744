#pragma once
#include <type_traits>

#include "cpu/vector_math.h"

namespace scmoe {

/// The order of `activations` in TypeScript (ops/activation.ts).
enum class Activation { kNone, kGelu, kGeluTanh, kSilu };

constexpr float kInvSqrt2Pi = 0.39894228040143268f;
constexpr float kSqrt2OverPi = 0.79788456080286536f;
constexpr float kGeluCubic = 0.044715f;

template <Activation A>
inline float activate(float x) {
  if constexpr (A == Activation::kGelu) return x * vnormal(x);
  if constexpr (A == Activation::kGeluTanh)
    return 0.5f * x * (1.0f + vtanh(kSqrt2OverPi * (x + kGeluCubic * x * x * x)));
  if constexpr (A == Activation::kSilu) return x * vsigmoid(x);
  return x;
}

template <Activation A>
inline float activationSlope(float x) {
  if constexpr (A == Activation::kGelu) return vnormal(x) + x * kInvSqrt2Pi * vexp(-0.5f * x * x);
  if constexpr (A == Activation::kGeluTanh) {
    const float t = vtanh(kSqrt2OverPi * (x + kGeluCubic * x * x * x));
    return 0.5f * (1.0f + t) + 0.5f * x * (1.0f - t * t) * kSqrt2OverPi * (1.0f + 3.0f * kGeluCubic * x * x);
  }
  if constexpr (A == Activation::kSilu) {
    const float s = vsigmoid(x);
    return s * (1.0f + x * (1.0f - s));
  }
  return 1.0f;
}

/// Calls body(std::integral_constant<Activation, A>) for the run-time value, so that loops are compiled per activation.
template <typename Body>
void withActivation(Activation activation, const Body& body) {
  switch (activation) {
    case Activation::kNone: return body(std::integral_constant<Activation, Activation::kNone>{});
    case Activation::kGelu: return body(std::integral_constant<Activation, Activation::kGelu>{});
    case Activation::kGeluTanh: return body(std::integral_constant<Activation, Activation::kGeluTanh>{});
    case Activation::kSilu: return body(std::integral_constant<Activation, Activation::kSilu>{});
  }
}

}  // namespace scmoe
