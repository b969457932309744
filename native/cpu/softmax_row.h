#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "cpu/simd.h"

/// The softmax of attention, a block of keys at a time.
namespace scmoe {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kMinusInfinity = -kInfinity;

/// Softmax of a row against the running maximum: scores become exp(score + bias - maximum), `count` of them seen and
/// the rest of the block zero; `bias` may be null. Returns the factor on what was summed before.
inline float softmaxRow(float* scores, const float* bias, int64_t count, int64_t width, float& maximumSoFar,
                        float& sum) {
  const int64_t end = (count + kLanes - 1) / kLanes * kLanes;
  if (bias)
    for (int64_t j = 0; j < end; j += kLanes) store(scores + j, load(scores + j) + load(bias + j));
  for (int64_t j = count; j < end; ++j) scores[j] = kMinusInfinity;
  for (int64_t j = end; j < width; j += kLanes) store(scores + j, Vec{});
  if (count <= 0) return 1.0f;
  Vec largest = load(scores);
  for (int64_t j = kLanes; j < end; j += kLanes) largest = maximum(largest, load(scores + j));
  const float top = std::max(maximumSoFar, horizontalMaximum(largest));
  Vec total{};
  if (top ==
      kMinusInfinity) {  // no key is seen so far: an infinity less an infinity would be NaN, which only NaN gives
    for (int64_t j = 0; j < end; j += kLanes) {
      const Vec score = load(scores + j);
      const Vec p = score == broadcast(kMinusInfinity) ? Vec{} : score;
      store(scores + j, p);
      total += p;
    }
    sum += horizontalSum(total);
    return 1.0f;
  }
  for (int64_t j = 0; j < end; j += kLanes) {
    const Vec p = exponential(load(scores + j) - top);
    store(scores + j, p);
    total += p;
  }
  // Nothing was summed before the first block, which is the only one for short sequences.
  const float factor = maximumSoFar == kMinusInfinity ? 0.0f : std::exp(maximumSoFar - top);
  sum = sum * factor + horizontalSum(total);
  maximumSoFar = top;
  return factor;
}

}  // namespace scmoe
