#pragma once
#include <cstdint>

#include "cpu/activation.h"
#include "cpu/gelu_table.h"

/// Activations of whole rows.
namespace scmoe {

#if defined(__AVX512F__)
/// A whole vector of a row, or the rest of it: numbers have the same bits wherever they stand.
struct WholeVector {
  Vec load(const float* from) const { return scmoe::load(from); }
  void store(float* to, Vec value) const { scmoe::store(to, value); }
};
struct RestOfRow {
  __mmask16 lanes;
  Vec load(const float* from) const { return reinterpret_cast<Vec>(_mm512_maskz_loadu_ps(lanes, from)); }
  void store(float* to, Vec value) const { _mm512_mask_storeu_ps(to, lanes, reinterpret_cast<__m512>(value)); }
};

/// Calls body(j, part) for the vectors of a row of `count` numbers.
template <typename Body>
inline void forParts(int64_t count, const Body& body) {
  int64_t j = 0;
  for (; j + kLanes <= count; j += kLanes) body(j, WholeVector());
  if (j < count) body(j, RestOfRow{static_cast<__mmask16>((1u << (count - j)) - 1)});
}
#endif

/// y = activate(x + bias), `count` numbers; x becomes x + bias where y is another place. `bias` may be null.
template <Activation A>
inline void activateRow(int64_t count, const float* bias, float* x, float* y) {
#if defined(__AVX512F__)
  if constexpr (A == Activation::kGelu) {
    const OddTable::Loaded normal = normalTable().load();
    const auto gelu = [&](Vec value) { return normal(value, value); };
    if (bias)
      return forParts(count, [&](int64_t j, auto part) {
        const Vec value = part.load(x + j) + part.load(bias + j);
        if (x != y) part.store(x + j, value);
        part.store(y + j, gelu(value));
      });
    return forParts(count, [&](int64_t j, auto part) { part.store(y + j, gelu(part.load(x + j))); });
  }
#endif
  if (bias && x != y) {
#pragma omp simd
    for (int64_t j = 0; j < count; ++j) {
      const float value = x[j] + bias[j];
      x[j] = value;
      y[j] = activate<A>(value);
    }
  } else if (bias) {
#pragma omp simd
    for (int64_t j = 0; j < count; ++j) y[j] = activate<A>(y[j] + bias[j]);
  } else {
#pragma omp simd
    for (int64_t j = 0; j < count; ++j) y[j] = activate<A>(x[j]);
  }
}

/// to = dy * slope of the activation at x, `count` numbers.
template <Activation A>
inline void slopeRow(int64_t count, const float* dy, const float* x, float* to) {
#if defined(__AVX512F__)
  if constexpr (A == Activation::kGelu) {
    const OddTable::Loaded slope = geluSlopeTable().load();
    return forParts(count, [&](int64_t j, auto part) {
      const Vec value = part.load(x + j), result = slope(value, part.load(dy + j));
      part.store(to + j, value == value ? result : value);  // NaN stays
    });
  }
#endif
#pragma omp simd
  for (int64_t j = 0; j < count; ++j) to[j] = dy[j] * activationSlope<A>(x[j]);
}

}  // namespace scmoe
