#pragma once
#include <cstdint>

namespace scmoe {

/// rows (numRows, d): row slots[t, j] = x[t] (T, d); rows that no slot names are zero. Throws on a slot outside, or
/// used twice.
void encodeForward(int64_t tokens, int64_t topK, int64_t d, int64_t numRows, const float* x, const int32_t* slots,
                   float* rows);
/// dx (T, d) = sum over j of dRows[slots[t, j]]. Throws on a slot outside.
void encodeBackward(int64_t tokens, int64_t topK, int64_t d, int64_t numRows, const float* dRows, const int32_t* slots,
                    float* dx);

/// y (T, d) = sum over j of weights[t, j] * rows[slots[t, j]]. Throws on a slot outside.
void decodeForward(int64_t tokens, int64_t topK, int64_t d, int64_t numRows, const float* rows, const float* weights,
                   const int32_t* slots, float* y);
/// dRows (numRows, d) and dWeights (T, k).
void decodeBackward(int64_t tokens, int64_t topK, int64_t d, int64_t numRows, const float* dy, const float* rows,
                    const float* weights, const int32_t* slots, float* dRows, float* dWeights);

}  // namespace scmoe
