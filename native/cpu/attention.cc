#include "cpu/attention.h"

#include <cmath>
#include <limits>

#include "core/arena.h"
#include "cpu/attention_blocks.h"
#include "cpu/vector_math.h"

namespace scmoe {

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kMinusInfinity = -kInfinity;

/// Softmax of a row against the running maximum: scores become exp(score + bias - maximum), `count` of them seen and
/// the rest of the block zero; `bias` may be null. Returns the factor on what was summed before.
inline float softmaxRow(float* scores, const float* bias, int64_t count, int64_t width, float& maximumSoFar,
                        float& sum) {
  const int64_t end = roundUp(count, kLanes);
  if (bias)
    for (int64_t j = 0; j < end; j += kLanes) store(scores + j, load(scores + j) + load(bias + j));
  for (int64_t j = count; j < end; ++j) scores[j] = kMinusInfinity;
  for (int64_t j = end; j < width; j += kLanes) store(scores + j, Vec{});
  if (count <= 0) return 1.0f;
  Vec largest = load(scores);
  for (int64_t j = kLanes; j < end; j += kLanes) largest = maximum(largest, load(scores + j));
  const float top = std::max(maximumSoFar, horizontalMaximum(largest));
  Vec total{};
  if (top ==
      kMinusInfinity) {  // no key is seen so far: an infinity less an infinity would be NaN, which only NaN gives
    for (int64_t j = 0; j < end; j += kLanes) {
      const Vec score = load(scores + j);
      const Vec p = score == broadcast(kMinusInfinity) ? Vec{} : score;
      store(scores + j, p);
      total += p;
    }
    sum += horizontalSum(total);
    return 1.0f;
  }
  for (int64_t j = 0; j < end; j += kLanes) {
    const Vec p = exponential(load(scores + j) - top);
    store(scores + j, p);
    total += p;
  }
  // Nothing was summed before the first block, which is the only one for short sequences.
  const float factor = maximumSoFar == kMinusInfinity ? 0.0f : std::exp(maximumSoFar - top);
  sum = sum * factor + horizontalSum(total);
  maximumSoFar = top;
  return factor;
}

struct ForwardScratch {
  float *keyPanels, *values, *queries, *scores, *out, *largest, *sum, *factor, *rows, *bias;

  ForwardScratch(Arena::Scope& scope, int64_t keys, int64_t padded)
      : keyPanels(scope.take<float>(roundUp(keys, kPanel) * padded)),
        values(scope.take<float>(keys * padded)),
        queries(scope.take<float>(kQueryBlock * padded)),
        scores(scope.take<float>(kQueryBlock * kKeyBlock)),
        out(scope.take<float>(kQueryBlock * padded)),
        largest(scope.take<float>(kQueryBlock)),
        sum(scope.take<float>(kQueryBlock)),
        factor(scope.take<float>(kQueryBlock)),
        rows(scope.take<float>(kPanel * padded)),
        bias(scope.take<float>(roundUp(keys, kLanes))) {}
};

/// One block of queries of one head against all keys that it sees.
void forwardBlock(const AttentionShape& shape, int64_t padded, int64_t firstQuery, int64_t rows, const float* bias,
                  const ForwardScratch& s) {
  std::fill(s.largest, s.largest + rows, kMinusInfinity);
  std::fill(s.sum, s.sum + rows, 0.0f);
  const int64_t keys = visibleKeys(shape, firstQuery + rows - 1);
  for (int64_t firstKey = 0; firstKey < keys; firstKey += kKeyBlock) {
    const int64_t width = std::min(kKeyBlock, keys - firstKey);
    const auto seen = [&](int64_t i) {
      return std::clamp<int64_t>(visibleKeys(shape, firstQuery + i) - firstKey, 0, width);
    };
    scoreBlock(shape, rows, padded, s.queries, s.keyPanels, firstKey, width, seen, s.scores);
    for (int64_t i = 0; i < rows; ++i)
      s.factor[i] = softmaxRow(s.scores + i * kKeyBlock, bias ? bias + firstKey : nullptr, seen(i), width, s.largest[i],
                               s.sum[i]);
    for (int64_t i = 0; i < rows; i += kTileRows) {
      const int64_t count = std::min<int64_t>(kTileRows, rows - i);
      const float* weights = s.scores + i * kKeyBlock;
      const float* values = s.values + firstKey * padded;
      float* out = s.out + i * padded;
      const int64_t depth = seen(i + count - 1);
      if (firstKey == 0)
        smallProduct<Onto::kNothing>(count, padded / kLanes, depth, RowByRow{weights, kKeyBlock}, values, padded, out,
                                     padded);
      else if (depth > 0)
        smallProduct<Onto::kScaledSum>(count, padded / kLanes, depth, RowByRow{weights, kKeyBlock}, values, padded, out,
                                       padded, s.factor + i);
    }
  }
}

/// Few queries against many keys, as in decoding: keys and values are read once where they lie, nothing is packed.
void decodeHead(const AttentionShape& shape, const RotaryTable* table, const float* q, const float* k, const float* v,
                const uint8_t* mask, int64_t firstHead, float* out, float* logsumexp) {
  const int64_t group = shape.heads / shape.kvHeads, rows = group * shape.queries, size = shape.size;
  const int64_t stride = shape.heads * size, keyStride = shape.kvHeads * size, width = roundUp(shape.keys, kLanes);
  Arena::Scope scope;
  auto* const queries = scope.take<float>(rows * size);
  auto* const scores = scope.take<float>(rows * width);
  auto* const results = scope.take<float>(rows * size);
  auto* const turned = scope.take<float>(size);
  const float* const bias = maskBias(mask, shape.keys, scope.take<float>(width));
  const auto source = [&](int64_t r) { return (r % shape.queries) * stride + (firstHead + r / shape.queries) * size; };
  for (int64_t r = 0; r < rows; ++r)
    packRows(shape, table, q + source(r), stride, 1, shape.keys - shape.queries + r % shape.queries, shape.scale, size,
             queries + r * size);
  for (int64_t j = 0; j < shape.keys; ++j) {
    const float* key = k + j * keyStride;
    if (table) {
      rotate(shape.rope, *table, j, false, 1.0f, key, size, turned);
      key = turned;
    }
    for (int64_t r = 0; r < rows; ++r) {
      const float* query = queries + r * size;
      Vec sum{};
      for (int64_t d = 0; d < size; d += kLanes) sum += load(query + d) * load(key + d);
      scores[r * width + j] = horizontalSum(sum);
    }
  }
  for (int64_t r = 0; r < rows; ++r) {
    float largest = kMinusInfinity, sum = 0;
    softmaxRow(scores + r * width, bias, visibleKeys(shape, r % shape.queries), width, largest, sum);
    logsumexp[r] = sum == 0 ? kInfinity : largest + std::log(sum);
    if (sum == 0) continue;  // all weights are 0
    for (int64_t j = 0; j < width; j += kLanes) store(scores + r * width + j, load(scores + r * width + j) / sum);
  }
  smallProduct<Onto::kNothing>(rows, size / kLanes, shape.keys, RowByRow{scores, width}, v, keyStride, results, size);
  for (int64_t r = 0; r < rows; ++r) std::memcpy(out + source(r), results + r * size, size * sizeof(float));
}

}  // namespace

void attention(const AttentionShape& shape, const float* q, const float* k, const float* v, const uint8_t* mask,
               float* out, float* logsumexp) {
  if (shape.batch == 0 || shape.queries == 0) return;
  const int64_t size = shape.size, padded = roundUp(size, kLanes), group = shape.heads / shape.kvHeads;
  const int64_t stride = shape.heads * size, keyStride = shape.kvHeads * size;
  const bool turn = shape.rope != RopeStyle::kNone;
  const RotaryTable table = turn ? rotaryTable(shape.keys, size, shape.theta) : RotaryTable{};
  const RotaryTable* turning = turn ? &table : nullptr;

  if (shape.queries * group <= 4 && size % kLanes == 0) {
    const int64_t grain = grainFor(shape.keys * size * 8);
    parallelFor(shape.batch * shape.kvHeads, grain, [&](int64_t begin, int64_t end) {
      for (int64_t index = begin; index < end; ++index) {
        const int64_t b = index / shape.kvHeads, head = index % shape.kvHeads;
        const int64_t keyOffset = b * shape.keys * keyStride + head * size;
        decodeHead(shape, turning, q + b * shape.queries * stride, k + keyOffset, v + keyOffset,
                   mask ? mask + b * shape.keys : nullptr, head * group, out + b * shape.queries * stride,
                   logsumexp + (b * shape.heads + head * group) * shape.queries);
      }
    });
    return;
  }

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
        packPanels(s.rows, kPanel, padded, s.keyPanels + first * padded);
      }
      packRows(shape, nullptr, v + keyOffset, keyStride, keys, 0, 1.0f, padded, s.values);
      const float* const bias = maskBias(mask ? mask + item.batch * shape.keys : nullptr, shape.keys, s.bias);

      for (int64_t block = item.firstBlock; block < item.lastBlock; ++block) {
        const int64_t firstQuery = block * kQueryBlock, rows = std::min(kQueryBlock, shape.queries - firstQuery);
        for (int64_t head = item.kvHead * group; head < (item.kvHead + 1) * group; ++head) {
          const int64_t offset = (item.batch * shape.queries + firstQuery) * stride + head * size;
          packRows(shape, turning, q + offset, stride, rows, shape.keys - shape.queries + firstQuery, shape.scale,
                   padded, s.queries);
          forwardBlock(shape, padded, firstQuery, rows, bias, s);
          float* lse = logsumexp + (item.batch * shape.heads + head) * shape.queries + firstQuery;
          for (int64_t i = 0; i < rows; ++i) {
            rotate(RopeStyle::kNone, table, 0, false, s.sum[i] == 0 ? 0.0f : 1.0f / s.sum[i], s.out + i * padded, size,
                   out + offset + i * stride);
          }
#pragma omp simd
          for (int64_t i = 0; i < rows; ++i) lse[i] = s.sum[i] == 0 ? kInfinity : s.largest[i] + vlog(s.sum[i]);
        }
      }
    }
  });
}

}  // namespace scmoe
