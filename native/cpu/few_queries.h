#pragma once
#include <cstdint>

#include "cpu/attention.h"

/// Attention of few queries over many keys, as in generation: keys and values are read once, in their own order, for
/// all heads, and nothing is packed.
namespace scmoe {

/// Whether this is sooner done than keys and values are packed.
bool hasFewQueries(const AttentionShape& shape);

/// As attention(). The keys are cut into blocks of one size, and the blocks of a row are summed in their order: the
/// result depends neither on the number of threads nor on the other queries. `table`, or null, turns queries and keys.
void attentionOfFewQueries(const AttentionShape& shape, const RotaryTable* table, const float* q, const float* k,
                           const float* v, const uint8_t* mask, float* out, float* logsumexp);

}  // namespace scmoe
