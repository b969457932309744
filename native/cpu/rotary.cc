#include "cpu/rotary.h"

#include <cmath>
#include <vector>

namespace scmoe {

RotaryTable rotaryTable(int64_t positions, int64_t size, double theta) {
  thread_local std::vector<float> cosines, sines;
  thread_local int64_t cachedSize = 0;
  thread_local double cachedTheta = 0;
  const int64_t half = size / 2;
  if (size != cachedSize || theta != cachedTheta) {
    cosines.clear();
    sines.clear();
    cachedSize = size;
    cachedTheta = theta;
  }
  std::vector<double> frequency(half);
  const int64_t present = half > 0 ? static_cast<int64_t>(cosines.size()) / half : positions;
  if (present < positions)
    for (int64_t i = 0; i < half; ++i) frequency[i] = std::pow(theta, -2.0 * static_cast<double>(i) / size);
  for (int64_t p = present; p < positions; ++p)
    for (int64_t i = 0; i < half; ++i) {
      const double angle = static_cast<double>(p) * frequency[i];
      cosines.push_back(static_cast<float>(std::cos(angle)));
      sines.push_back(static_cast<float>(std::sin(angle)));
    }
  return {cosines.data(), sines.data()};
}

void rotate(RopeStyle style, const RotaryTable& table, int64_t position, bool inverse, float factor,
            const float* __restrict x, int64_t size, float* __restrict y) {
  if (style == RopeStyle::kNone) {
#pragma omp simd
    for (int64_t i = 0; i < size; ++i) y[i] = factor * x[i];
    return;
  }
  const int64_t half = size / 2;
  const float* cos = table.cos + position * half;
  const float* sin = table.sin + position * half;
  const float sinFactor = inverse ? -factor : factor;
  if (style == RopeStyle::kHalf) {
#pragma omp simd
    for (int64_t i = 0; i < half; ++i) {
      const float c = cos[i] * factor, s = sin[i] * sinFactor, first = x[i], second = x[i + half];
      y[i] = first * c - second * s;
      y[i + half] = second * c + first * s;
    }
    return;
  }
#pragma omp simd
  for (int64_t i = 0; i < half; ++i) {
    const float c = cos[i] * factor, s = sin[i] * sinFactor, first = x[2 * i], second = x[2 * i + 1];
    y[2 * i] = first * c - second * s;
    y[2 * i + 1] = second * c + first * s;
  }
}

}  // namespace scmoe
