#pragma once
#include <cstdint>

#include "cpu/rotary.h"

namespace scmoe {

/// q, out (batch, queries, heads * size); k, v (batch, keys, kvHeads * size). Head h owns columns h * size ... and
/// reads key head h / (heads / kvHeads). Query i stands at position keys - queries + i.
struct AttentionShape {
  int64_t batch, queries, keys, heads, kvHeads, size;
  bool causal;
  RopeStyle rope;
  double theta;
  float scale;
};

/// out = softmax(scale * q k^T) v per head, logsumexp (batch, heads, queries) for the gradient. Products follow the
/// precision of gemm.h: in bf16 their operands are rounded, the sums are float32. What is between them, the softmax
/// above all, is float32 in either, and few queries over many keys are throughout, for they wait for memory. `mask`
/// (batch, keys) or null: a key where it is 0 is seen by no query. A query that sees no key gives 0, with a logsumexp
/// of infinity, so that exp(score - logsumexp) is 0 as well.
void attention(const AttentionShape& shape, const float* q, const float* k, const float* v, const uint8_t* mask,
               float* out, float* logsumexp);

/// Gradients of sum(out * dOut). Sums over query blocks and heads run in an order that depends on the shape and the
/// thread count alone.
void attentionBackward(const AttentionShape& shape, const float* dOut, const float* q, const float* k, const float* v,
                       const uint8_t* mask, const float* out, const float* logsumexp, float* dQ, float* dK, float* dV);

}  // namespace scmoe
