#include "cpu/attention.h"

#include <algorithm>

#include "core/arena.h"
#include "cpu/attention_blocks.h"
#include "cpu/few_queries.h"
#include "cpu/softmax_row.h"
#include "cpu/vector_math.h"

namespace scmoe {

namespace {

struct ForwardScratch {
  float *keyPanels, *values, *queries, *scores, *out, *largest, *sum, *factor, *rows, *bias;

  ForwardScratch(Arena::Scope& scope, int64_t keys, int64_t padded)
      : keyPanels(scope.take<float>(roundUp(keys, kPanel) * padded)),
        values(scope.take<float>(roundUp(keys, kPanel) * padded)),
        queries(scope.take<float>(kQueryBlock * padded)),
        scores(scope.take<float>(kQueryBlock * kKeyBlock)),
        out(scope.take<float>(kQueryBlock * padded)),
        largest(scope.take<float>(kQueryBlock)),
        sum(scope.take<float>(kQueryBlock)),
        factor(scope.take<float>(kQueryBlock)),
        rows(scope.take<float>(kPanel * padded)),
        bias(scope.take<float>(roundUp(keys, kLanes))) {}
};

/// One block of queries of one head, ready for products along them, against all keys that it sees.
template <typename Kind>
void forwardBlock(const AttentionShape& shape, int64_t padded, int64_t firstQuery, int64_t rows, const float* queries,
                  const float* bias, const ForwardScratch& s) {
  constexpr int64_t kDepths = Kind::kDepths;
  std::fill(s.largest, s.largest + rows, kMinusInfinity);
  std::fill(s.sum, s.sum + rows, 0.0f);
  const int64_t keys = visibleKeys(shape, firstQuery + rows - 1);
  for (int64_t firstKey = 0; firstKey < keys; firstKey += kKeyBlock) {
    const int64_t width = std::min(kKeyBlock, keys - firstKey);
    const auto seen = [&](int64_t i) {
      return std::clamp<int64_t>(visibleKeys(shape, firstQuery + i) - firstKey, 0, width);
    };
    scoreBlock<Kind>(shape, rows, padded, queries, s.keyPanels, firstKey, width, seen, s.scores);
    for (int64_t i = 0; i < rows; ++i) {
      float* const scores = s.scores + i * kKeyBlock;
      s.factor[i] = softmaxRow(scores, bias ? bias + firstKey : nullptr, seen(i), width, s.largest[i], s.sum[i]);
      alongRows<Kind>(scores, 1, roundUp(width, kDepths * kLanes));
    }
    for (int64_t i = 0; i < rows; i += kTileRows) {
      const int64_t count = std::min<int64_t>(kTileRows, rows - i);
      const float* weights = s.scores + i * kKeyBlock;
      const float* values = s.values + firstKey / kDepths * padded;
      float* out = s.out + i * padded;
      const int64_t depth = (seen(i + count - 1) + kDepths - 1) / kDepths;
      if (firstKey == 0)
        smallProduct<Onto::kNothing, Kind>(count, padded / kLanes, depth, RowByRow{weights, kKeyBlock}, values, padded,
                                           out, padded);
      else if (depth > 0)
        smallProduct<Onto::kScaledSum, Kind>(count, padded / kLanes, depth, RowByRow{weights, kKeyBlock}, values,
                                             padded, out, padded, s.factor + i);
    }
  }
}

template <typename Kind>
void manyQueries(const AttentionShape& shape, const RotaryTable* turning, const float* q, const float* k,
                 const float* v, const uint8_t* mask, float* out, float* logsumexp) {
  constexpr int64_t kDepths = Kind::kDepths;
  const int64_t size = shape.size, padded = paddedSize<Kind>(size), group = shape.heads / shape.kvHeads;
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
      for (int64_t first = 0; first < keys; first += kPanel) {
        const int64_t count = std::min(kPanel, keys - first);
        packRows(shape, turning, k + keyOffset + first * keyStride, keyStride, count, first, 1.0f, padded, s.rows);
        std::fill(s.rows + count * padded, s.rows + kPanel * padded, 0.0f);
        packPanels<Kind>(s.rows, kPanel, padded, s.keyPanels + first / kDepths * padded);
        float* const values = kDepths == 1 ? s.values + first * padded : s.rows;
        packRows(shape, nullptr, v + keyOffset + first * keyStride, keyStride, count, 0, 1.0f, padded, values);
        acrossRows<Kind>(values, count, padded, padded, s.values + first / kDepths * padded);
      }
      const float* const bias = maskBias(mask ? mask + item.batch * shape.keys : nullptr, shape.keys, s.bias);

      for (int64_t block = item.firstBlock; block < item.lastBlock; ++block) {
        const int64_t firstQuery = block * kQueryBlock, rows = std::min(kQueryBlock, shape.queries - firstQuery);
        for (int64_t head = item.kvHead * group; head < (item.kvHead + 1) * group; ++head) {
          const int64_t offset = (item.batch * shape.queries + firstQuery) * stride + head * size;
          packRows(shape, turning, q + offset, stride, rows, shape.keys - shape.queries + firstQuery, shape.scale,
                   padded, s.queries);
          forwardBlock<Kind>(shape, padded, firstQuery, rows, alongRows<Kind>(s.queries, rows, padded), bias, s);
          float* lse = logsumexp + (item.batch * shape.heads + head) * shape.queries + firstQuery;
          for (int64_t i = 0; i < rows; ++i) {
            rotate(RopeStyle::kNone, RotaryTable{}, 0, false, s.sum[i] == 0 ? 0.0f : 1.0f / s.sum[i],
                   s.out + i * padded, size, out + offset + i * stride);
          }
#pragma omp simd
          for (int64_t i = 0; i < rows; ++i) lse[i] = s.sum[i] == 0 ? kInfinity : s.largest[i] + vlog(s.sum[i]);
        }
      }
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
