#include "cpu/cached_attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/arena.h"
#include "cpu/attention.h"

namespace scmoe {

namespace {

/// to (heads, width) = from with each head turned by the angles of a position. Rounded once, from double: as
/// turnRows.ts.
void turnRow(const TurnTable& table, int64_t position, int64_t heads, int64_t width, const float* from, float* to) {
  if (table.style == RopeStyle::kNone) {
    std::memcpy(to, from, heads * width * sizeof(float));
    return;
  }
  const int64_t half = table.size / 2;
  const float* const cos = table.cos + position * half;
  const float* const sin = table.sin + position * half;
  // A pair is i and i + R/2, or 2i and 2i + 1.
  const bool halves = table.style == RopeStyle::kHalf;
  const int64_t step = halves ? 1 : 2, apart = halves ? half : 1;
  for (int64_t head = 0; head < heads; ++head, from += width, to += width) {
    for (int64_t i = 0; i < half; ++i) {
      const double x = from[i * step], y = from[i * step + apart], c = cos[i], s = sin[i];
      to[i * step] = static_cast<float>(x * c - y * s);
      to[i * step + apart] = static_cast<float>(y * c + x * s);
    }
    std::copy(from + table.size, from + width, to + table.size);
  }
}

/// Takes the share of each head's sink away from a part's rows (count, heads * size): with a score more in its softmax
/// a row is what it is without, times 1 / (1 + e^(sink - logsumexp)).
void shareWithSinks(const CachedAttentionShape& shape, int64_t count, const float* sinks, const float* logsumexp,
                    float* out) {
  for (int64_t token = 0; token < count; ++token)
    for (int64_t head = 0; head < shape.heads; ++head, out += shape.size) {
      const double above = static_cast<double>(sinks[head]) - logsumexp[head * count + token];
      const double share = 1 / (1 + std::exp(above));
      for (int64_t d = 0; d < shape.size; ++d) out[d] = static_cast<float>(out[d] * share);
    }
}

}  // namespace

void cachedAttention(const CachedAttentionShape& shape, const TurnTable& table, const std::vector<CachedPart>& parts,
                     const float* q, const float* k, const float* v, const float* sinks, float* out) {
  const int64_t width = shape.heads * shape.size, kvWidth = shape.kvHeads * shape.size;
  for (const CachedPart& part : parts) {
    Arena::Scope scope;
    auto* const queries = scope.take<float>(part.count * width);
    auto* const logsumexp = scope.take<float>(part.count * shape.heads);
    float* const keys = part.keys + part.held * kvWidth;
    for (int64_t i = 0; i < part.count; ++i) {
      const int64_t position = part.held + i;
      turnRow(table, position, shape.heads, shape.size, q + i * width, queries + i * width);
      turnRow(table, position, shape.kvHeads, shape.size, k + i * kvWidth, keys + i * kvWidth);
    }
    if (v) std::memcpy(part.values + part.held * kvWidth, v, part.count * kvWidth * sizeof(float));
    const int64_t length = part.held + part.count;
    const int64_t first = shape.window > 0 ? std::max<int64_t>(0, length - shape.window) : 0;
    const AttentionShape own = {1,          part.count, length - first,   shape.heads, shape.kvHeads,
                                shape.size, true,       RopeStyle::kNone, 1.0,         shape.scale};
    attention(own, queries, part.keys + first * kvWidth, part.values + first * kvWidth, nullptr, out, logsumexp);
    if (sinks) shareWithSinks(shape, part.count, sinks, logsumexp, out);
    q += part.count * width;
    out += part.count * width;
    k += part.count * kvWidth;
    if (v) v += part.count * kvWidth;
  }
}

}  // namespace scmoe
