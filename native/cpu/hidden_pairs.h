#pragma once
#include <cstdint>

#include "cpu/activation_rows.h"
#include "cpu/bf16_vectors.h"

#if SCMOE_BF16_PAIRS

/// 2 * kLanes neighbours of a row of a hidden layer between two products in bf16: what is kept of them, and what the
/// next products read.
namespace scmoe {

struct Hidden {
  Vec before, after;
};

/// Makes those of sums without their bias, which may be null; the sums are overwritten.
template <Activation A>
struct Activating {
  Hidden operator()(const float* bias, float* sums) const {
    alignas(64) float after[2 * kLanes];
    activateRow<A>(2 * kLanes, bias, sums, after);
    return {pairsOf(sums), pairsOf(after)};
  }
};

/// With its table in registers.
template <>
struct Activating<Activation::kGelu> {
  const OddTable::Loaded normal = normalTable().load();

  [[gnu::always_inline]] Hidden operator()(const float* bias, const float* sums) const {
    Vec first = load(sums), second = load(sums + kLanes);
    if (bias) {
      first += load(bias);
      second += load(bias + kLanes);
    }
    return {pairsAlong(first, second), pairsAlong(normal(first, first), normal(second, second))};
  }
};

/// Two vectors of slopes.
struct Slopes {
  Vec first, second;
  Vec pairs() const { return pairsAlong(first, second); }
};

/// The gradient behind the activation times its slope at `before`.
template <Activation A>
struct Sloping {
  Slopes operator()(const float* dy, const uint16_t* before) const {
    alignas(64) float at[2 * kLanes], made[2 * kLanes];
    store(at, loadBf16(before));
    store(at + kLanes, loadBf16(before + kLanes));
    slopeRow<A>(2 * kLanes, dy, at, made);
    return {load(made), load(made + kLanes)};
  }
};

template <>
struct Sloping<Activation::kGelu> {
  const OddTable::Loaded table = geluSlopeTable().load();

  [[gnu::always_inline]] Vec slope(Vec value, Vec factor) const {
    const Vec result = table(value, factor);
    return value == value ? result : value;  // NaN stays
  }
  [[gnu::always_inline]] Slopes operator()(const float* dy, const uint16_t* before) const {
    return {slope(loadBf16(before), load(dy)), slope(loadBf16(before + kLanes), load(dy + kLanes))};
  }
};

}  // namespace scmoe

#endif
