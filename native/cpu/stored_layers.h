#pragma once
#include <cstdint>

#include "cpu/activation.h"
#include "cpu/expert_rows.h"
#include "cpu/stored_weight.h"

/// linearForward() and its kin with stored weights: inference, so nothing is kept for a gradient.
namespace scmoe {

/// y (rows, dOut) = activation(x (rows, dIn) weight (dIn, dOut) + bias (dOut)); `bias` may be null.
void storedLinear(int64_t rows, int64_t dIn, int64_t dOut, const float* x, const StoredWeight& weight,
                  const float* bias, Activation activation, bool float32, float* y);

/// groupedFfnForward() with w1 (N, d, f) and w2 (N, f, d).
void storedGroupedFfn(const ExpertRows& group, const float* x, const StoredWeight& w1, const float* b1,
                      const StoredWeight& w2, const float* b2, Activation activation, float* y);

/// groupedSwigluForward() with gate and up (N, d, f) and down (N, f, d).
void storedGroupedSwiglu(const ExpertRows& group, const float* x, const StoredWeight& gate, const StoredWeight& up,
                         const StoredWeight& down, float* y);

}  // namespace scmoe
