#pragma once
#include <cstdint>

#include "cpu/activation.h"

namespace scmoe {

/// dy (rows, dOut) with the slope of the activation at `pre`: what the gradients of a linear layer are products of.
struct SlopeRows {
  int64_t dOut;
  const float* dy;
  /// Null without an activation.
  const float* pre;
  Activation activation;
  /// If any, gets the sums of the columns added: the gradient of the bias.
  float* sums;

  /// `count` rows from `first` on as float32: dy itself without an activation, else rows at `to`. Where they shall be
  /// bf16 they go to `rows16` instead, and `to` is room for one of them.
  const float* make(int64_t first, int64_t count, float* to, uint16_t* rows16) const;
};

}  // namespace scmoe
