#pragma once
#include <cstdint>
#include <vector>

#include "cpu/rotary.h"

namespace scmoe {

/// Tokens that continue one sequence, and its cache: rows of keys and values with room behind the `held` ones.
struct CachedPart {
  int64_t count, held;
  float *keys, *values;
};

struct CachedAttentionShape {
  int64_t heads, kvHeads, size;
  float scale;
  /// Keys that a query sees; 0: all. With it every part has one token.
  int64_t window;
};

/// How the first `size` components of each head are turned: cosines and sines (positions, size / 2).
struct TurnTable {
  RopeStyle style;
  int64_t size;
  const float *cos, *sin;
};

/// Causal attention of the tokens of all parts, each over its own sequence, whose cache gets their keys and values
/// first. q, out (tokens, heads * size), k, v (tokens, kvHeads * size); v null: keys are their own values, and `values`
/// of a part its keys. `sinks` (heads) or null: one more score of each row.
void cachedAttention(const CachedAttentionShape& shape, const TurnTable& table, const std::vector<CachedPart>& parts,
                     const float* q, const float* k, const float* v, const float* sinks, float* out);

}  // namespace scmoe
