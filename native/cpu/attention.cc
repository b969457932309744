#include "cpu/attention.h"

#include <algorithm>
#include <array>

#include "core/arena.h"
#include "cpu/attention_ahead.h"
#include "cpu/attention_blocks.h"
#include "cpu/few_queries.h"
#include "cpu/softmax_row.h"
#include "cpu/vector_math.h"

namespace scmoe {

namespace {

/// Keys whose scores are made before their softmax.
constexpr int64_t kKeyBlock = 2 * kQueryBlock;

struct ForwardScratch {
  float *keys, *values, *queries, *panel, *scores, *weights, *out, *largest, *sum, *factor, *rows, *bias;

  ForwardScratch(Arena::Scope& scope, int64_t count, int64_t padded)
      : keys(scope.take<float>(roundUp(count, kQueryBlock) * padded)),
        values(scope.take<float>(roundUp(count, kQueryBlock) * padded)),
        queries(scope.take<float>(kQueryBlock * padded)),
        panel(scope.take<float>(kQueryBlock * padded)),
        scores(scope.take<float>(kKeyBlock * kQueryBlock)),
        weights(scope.take<float>(kKeyBlock * kQueryBlock)),
        out(scope.take<float>(kQueryBlock * padded)),
        largest(scope.take<float>(kQueryBlock)),
        sum(scope.take<float>(kQueryBlock)),
        factor(scope.take<float>(kQueryBlock)),
        rows(scope.take<float>(kQueryBlock * padded)),
        bias(scope.take<float>(roundUp(count, kLanes))) {}
};

/// Scores of `count` keys against `vectors` vectors of queries, and the largest of each query so far. What a query does
/// not see is -infinity.
template <typename Kind, int vectors>
[[gnu::noinline]] void scoreTile(int64_t depth, int64_t stride, const float* keys, const float* panel, int64_t count,
                                 const float* bias, SeenLanes seen, int64_t firstVector, float* scores,
                                 float* largest) {
  Vec sums[kSumRows][vectors] = {};
  for (int64_t d = 0; d < depth; ++d) addProducts<Kind>(keys, stride, panel, d, sums);
  if (!bias && count == kSumRows && SeenLanes{seen.first + kSumRows - 1}.isWhole(firstVector)) {
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) {
      Vec most = load(largest + v * kLanes);
#pragma GCC unroll 8
      for (int i = 0; i < kSumRows; ++i) {
        store(scores + i * kQueryBlock + v * kLanes, sums[i][v]);
        most = maximum(sums[i][v], most);
      }
      store(largest + v * kLanes, most);
    }
    return;
  }
#pragma GCC unroll 8
  for (int i = 0; i < kSumRows; ++i) {
    if (i >= count) return;
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) {
      const Vec score = bias ? sums[i][v] + bias[i] : sums[i][v];
      const Vec shown = SeenLanes{seen.first + i}.keep(firstVector + v, score, broadcast(kMinusInfinity));
      store(scores + i * kQueryBlock + v * kLanes, shown);
      store(largest + v * kLanes, maximum(shown, load(largest + v * kLanes)));
    }
  }
}

/// The softmax of a vector of queries, `count` scores of which are seen by one of them: weights
/// exp2(score - largest), in the form that products sum over, and zeros up to `width`. Sums what was summed before,
/// times the factor that it is left with.
template <typename Kind>
inline void weighScores(const float* scores, int64_t count, int64_t width, Vec before, Vec largest, float* weights,
                        float* sum, float* factor) {
  // No key is seen so far: an infinity less an infinity would be NaN, which only NaN gives.
  const Vec shift = largest == broadcast(kMinusInfinity) ? Vec{} : largest;
  Vec even{}, odd{};
  int64_t j = 0;
  for (; j + 2 <= count; j += 2, scores += 2 * kQueryBlock) {
    const Vec first = powerOfTwo(load(scores) - shift), second = powerOfTwo(load(scores + kQueryBlock) - shift);
    even += first;
    odd += second;
    storeAcross<Kind>(first, second, weights);
    weights += 2 / Kind::kDepths * kQueryBlock;
  }
  if (j < count) {
    const Vec first = powerOfTwo(load(scores) - shift);
    even += first;
    storeAcross<Kind>(first, Vec{}, weights);
    weights += 2 / Kind::kDepths * kQueryBlock;
    j += 2;
  }
  for (; j < width; j += 2, weights += 2 / Kind::kDepths * kQueryBlock) storeAcross<Kind>(Vec{}, Vec{}, weights);
  const Vec left = powerOfTwo(before - shift);
  store(factor, left);
  store(sum, load(sum) * left + (even + odd));
}

/// One block of queries of one head, as a panel, against all keys that it sees.
template <typename Kind>
[[gnu::noinline, gnu::flatten]] void forwardBlock(const AttentionShape& shape, int64_t padded, int64_t firstQuery,
                                                  int64_t rows, const float* bias, const ForwardScratch& s,
                                                  RowsAhead& ahead) {
  constexpr int64_t kDepths = Kind::kDepths;
  const int64_t stride = padded / kDepths, depth = (shape.size + kDepths - 1) / kDepths;
  const int64_t vectors = roundUp(rows, kLanes) / kLanes;
  std::fill(s.largest, s.largest + vectors * kLanes, kMinusInfinity);
  std::fill(s.sum, s.sum + vectors * kLanes, 0.0f);
  const int64_t keys = visibleKeys(shape, firstQuery + rows - 1);
  ahead.spread(tilesOf<kSumRows>(vectors, keys));
  // Keys that the first query sees, itself left out.
  const int64_t behind = shape.causal ? visibleKeys(shape, firstQuery) - 1 : shape.keys;
  for (int64_t firstKey = 0; firstKey < keys || firstKey == 0; firstKey += kKeyBlock) {
    const int64_t width = std::clamp<int64_t>(keys - firstKey, 0, kKeyBlock);
    const auto seenBy = [&](int64_t i) {
      return std::clamp<int64_t>(visibleKeys(shape, firstQuery + i) - firstKey, 0, width);
    };
    Vec before[kQueryBlock / kLanes];
    for (int64_t v = 0; v < vectors; ++v) before[v] = load(s.largest + v * kLanes);
    forTiles<kSumRows>(
        vectors, width, firstKey - behind, [&](int64_t j, SeenLanes seen, int64_t, int64_t first, int64_t end) {
          ahead.step();
          forVectors(first, end, [&](auto together, int64_t v) {
            scoreTile<Kind, together.value>(depth, stride, s.keys + (firstKey + j) * stride, s.panel + v * kLanes,
                                            std::min<int64_t>(kSumRows, width - j),
                                            bias ? bias + firstKey + j : nullptr, seen, v,
                                            s.scores + j * kQueryBlock + v * kLanes, s.largest + v * kLanes);
          });
        });
    for (int64_t v = 0; v < vectors; ++v)
      weighScores<Kind>(s.scores + v * kLanes, seenBy((v + 1) * kLanes - 1), width, before[v],
                        load(s.largest + v * kLanes), s.weights + v * kLanes, s.sum + v * kLanes,
                        s.factor + v * kLanes);
    const float* const values = s.values + firstKey / kDepths * padded;
    for (int64_t i = 0; i < rows; i += kSumRows) {
      const int64_t count = std::min<int64_t>(kSumRows, rows - i);
      const int64_t summed = (seenBy(i + count - 1) + kDepths - 1) / kDepths;
      const DepthByDepth weights{s.weights + i, kQueryBlock};
      if (firstKey == 0)
        tileProduct<Onto::kNothing, Kind>(count, summed, weights, values, padded, s.out + i * padded);
      else if (summed > 0)
        tileProduct<Onto::kScaledSum, Kind>(count, summed, weights, values, padded, s.out + i * padded, s.factor + i);
    }
  }
}

template <typename Kind>
void manyQueries(const AttentionShape& shape, const RotaryTable* turning, const float* q, const float* k,
                 const float* v, const uint8_t* mask, float* out, float* logsumexp) {
  constexpr int64_t kDepths = Kind::kDepths;
  const int64_t size = shape.size, padded = paddedSize<Kind>(size);
  const int64_t stride = shape.heads * size, keyStride = shape.kvHeads * size;
  const AttentionWork work(shape);
  parallelFor(work.items, 1, [&](int64_t begin, int64_t end) {
    Arena::Scope scope;
    const ForwardScratch s(scope, shape.keys, padded);
    for (int64_t index = begin; index < end; ++index) {
      const AttentionItem item = work.item(shape, index);
      const int64_t lastQuery = std::min(item.lastBlock * kQueryBlock, shape.queries) - 1;
      const int64_t keys = visibleKeys(shape, lastQuery);
      const int64_t keyOffset = item.batch * shape.keys * keyStride + item.kvHead * size;
      for (int64_t first = 0; first < keys; first += kQueryBlock) {
        const int64_t count = std::min(kQueryBlock, keys - first);
        float* const at = s.keys + first / kDepths * padded;
        packRows(shape, turning, k + keyOffset + first * keyStride, keyStride, count, first, 1.0f, padded,
                 kDepths == 1 ? at : s.rows);
        finishKeys<Kind>(s.rows, count, padded, at);
        float* const values = kDepths == 1 ? s.values + first * padded : s.rows;
        packRows(shape, nullptr, v + keyOffset + first * keyStride, keyStride, count, 0, 1.0f, padded, values);
        acrossRows<Kind>(values, count, padded, padded, s.values + first / kDepths * padded);
      }
      const float* const bias = maskBias(mask ? mask + item.batch * shape.keys : nullptr, shape.keys, s.bias);

      const AttentionItem next = work.item(shape, std::min(index + 1, end - 1));
      const std::array<const float*, 2> queryArrays = {q, out}, keyArrays = {k, v};
      forPlaces(shape, item, index + 1 < end ? &next : nullptr, queryArrays, keyArrays,
                [&](const AttentionPlace& place, RowsAhead& ahead) {
                  const int64_t firstQuery = place.firstQuery(), rows = place.rows(shape);
                  const int64_t offset = place.offset(shape);
                  packRows(shape, turning, q + offset, stride, rows, shape.keys - shape.queries + firstQuery,
                           shape.scale * kLog2OfE, padded, s.queries);
                  std::fill(s.queries + rows * padded, s.queries + roundUp(rows, kLanes) * padded, 0.0f);
                  packPanel<Kind>(alongRows<Kind>(s.queries, roundUp(rows, kLanes), padded), rows, padded, s.panel);
                  forwardBlock<Kind>(shape, padded, firstQuery, rows, bias, s, ahead);
                  for (int64_t i = 0; i < rows; ++i)
                    unpackRow(shape, nullptr, 0, s.sum[i] == 0 ? 0.0f : 1.0f / s.sum[i], s.out + i * padded,
                              out + offset + i * stride);
// Whole vectors: what is behind them would be calculated in another way.
#pragma omp simd
                  for (int64_t i = 0; i < roundUp(rows, kLanes); ++i)
                    s.factor[i] = s.sum[i] == 0 ? kInfinity : s.largest[i] * kLn2 + vlog(s.sum[i]);
                  std::copy(s.factor, s.factor + rows,
                            logsumexp + (item.batch * shape.heads + place.head) * shape.queries + firstQuery);
                });
    }
  });
}

}  // namespace

void attention(const AttentionShape& shape, const float* q, const float* k, const float* v, const uint8_t* mask,
               float* out, float* logsumexp) {
  if (shape.batch == 0 || shape.queries == 0) return;
  const bool turn = shape.rope != RopeStyle::kNone;
  const RotaryTable table = turn ? rotaryTable(shape.keys, shape.size, shape.theta) : RotaryTable{};
  const RotaryTable* turning = turn ? &table : nullptr;
  if (hasFewQueries(shape)) return attentionOfFewQueries(shape, turning, q, k, v, mask, out, logsumexp);
  withOperandKind([&](auto kind) { manyQueries<decltype(kind)>(shape, turning, q, k, v, mask, out, logsumexp); });
}

}  // namespace scmoe
