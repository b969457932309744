#include "core/arena.h"
#include "cpu/attention.h"
#include "cpu/attention_blocks.h"

namespace scmoe {

namespace {

struct BackwardScratch {
  float *keyPanels, *valuePanels, *keys, *rows, *queries, *dOut, *dQueries, *weights, *dScores, *logsumexp, *delta;
  float *dKeys, *dValues, *bias;
  // Rows of a block for products that sum over them, where those are pairs.
  float *queriesAcross, *dOutAcross, *weightsAcross, *dScoresAcross;

  BackwardScratch(Arena::Scope& scope, int64_t count, int64_t padded)
      : keyPanels(scope.take<float>(roundUp(count, kPanel) * padded)),
        valuePanels(scope.take<float>(roundUp(count, kPanel) * padded)),
        keys(scope.take<float>(roundUp(count, kPanel) * padded)),
        rows(scope.take<float>(kPanel * padded)),
        queries(scope.take<float>(kQueryBlock * padded)),
        dOut(scope.take<float>(kQueryBlock * padded)),
        dQueries(scope.take<float>(kQueryBlock * padded)),
        weights(scope.take<float>(kQueryBlock * kKeyBlock)),
        dScores(scope.take<float>(kQueryBlock * kKeyBlock)),
        logsumexp(scope.take<float>(kQueryBlock)),
        delta(scope.take<float>(kQueryBlock)),
        dKeys(scope.take<float>(count * padded)),
        dValues(scope.take<float>(count * padded)),
        bias(scope.take<float>(roundUp(count, kLanes))),
        queriesAcross(scope.take<float>(kQueryBlock * padded)),
        dOutAcross(scope.take<float>(kQueryBlock * padded)),
        weightsAcross(scope.take<float>(kQueryBlock * kKeyBlock)),
        dScoresAcross(scope.take<float>(kQueryBlock * kKeyBlock)) {}
};

/// Scores become weights p = exp(score + bias - logsumexp), dWeights become dScores = p (dWeight - delta); `count` are
/// seen, the rest of the block is zero; `bias` may be null.
inline void gradientRow(float* scores, float* dWeights, const float* bias, int64_t count, int64_t width,
                        float logsumexp, float delta) {
  if (bias)
    for (int64_t j = 0; j < count; j += kLanes) store(scores + j, load(scores + j) + load(bias + j));
  int64_t j = 0;
  for (; j + kLanes <= count; j += kLanes) {
    const Vec p = exponential(load(scores + j) - logsumexp);
    store(dWeights + j, p * (load(dWeights + j) - delta));
    store(scores + j, p);
  }
  if (j < count) {
    const IntVec seen = laneIndex() < static_cast<int32_t>(count - j);
    const Vec p = exponential(load(scores + j) - logsumexp);
    const Vec d = p * (load(dWeights + j) - delta);
    store(dWeights + j, seen ? d : Vec{});
    store(scores + j, seen ? p : Vec{});
    j += kLanes;
  }
  for (; j < width; j += kLanes) {
    store(dWeights + j, Vec{});
    store(scores + j, Vec{});
  }
}

/// One block of queries of one head: its dQueries, and its share of dKeys and dValues.
template <typename Kind>
void backwardBlock(const AttentionShape& shape, int64_t padded, int64_t firstQuery, int64_t rows, const float* bias,
                   const BackwardScratch& s) {
  constexpr int64_t kDepths = Kind::kDepths;
  const int64_t vectors = padded / kLanes, keys = visibleKeys(shape, firstQuery + rows - 1);
  const int64_t rowDepths = (rows + kDepths - 1) / kDepths;
  std::fill(s.dQueries, s.dQueries + rows * padded, 0.0f);
  // First what is made from rows as they are, then what takes their place.
  const float* const queriesAcross = acrossRows<Kind>(s.queries, rows, padded, padded, s.queriesAcross);
  const float* const dOutAcross = acrossRows<Kind>(s.dOut, rows, padded, padded, s.dOutAcross);
  const float* const queries = alongRows<Kind>(s.queries, rows, padded);
  const float* const dOut = alongRows<Kind>(s.dOut, rows, padded);
  for (int64_t firstKey = 0; firstKey < keys; firstKey += kKeyBlock) {
    const int64_t width = std::min(kKeyBlock, keys - firstKey);
    const auto seen = [&](int64_t i) {
      return std::clamp<int64_t>(visibleKeys(shape, firstQuery + i) - firstKey, 0, width);
    };
    scoreBlock<Kind>(shape, rows, padded, queries, s.keyPanels, firstKey, width, seen, s.weights);
    scoreBlock<Kind>(shape, rows, padded, dOut, s.valuePanels, firstKey, width, seen, s.dScores);
    for (int64_t i = 0; i < rows; ++i)
      gradientRow(s.weights + i * kKeyBlock, s.dScores + i * kKeyBlock, bias ? bias + firstKey : nullptr, seen(i),
                  width, s.logsumexp[i], s.delta[i]);
    const int64_t across = kDepths == 1 ? kKeyBlock : roundUp(width, kLanes);
    const float* const weights = acrossRows<Kind>(s.weights, rows, across, kKeyBlock, s.weightsAcross);
    const float* const dScores = acrossRows<Kind>(s.dScores, rows, across, kKeyBlock, s.dScoresAcross);
    for (int64_t j = 0; j < width; j += kTileRows) {
      const int64_t count = std::min<int64_t>(kTileRows, width - j);
      // The first query that sees key j: those above it have weight zero.
      const int64_t first =
          shape.causal ? std::max<int64_t>(0, firstKey + j - (shape.keys - shape.queries) - firstQuery) / kDepths : 0;
      const int64_t at = first * across + j;
      smallProduct<Onto::kSum, Kind>(count, vectors, rowDepths - first, DepthByDepth{weights + at, across},
                                     dOutAcross + first * padded, padded, s.dValues + (firstKey + j) * padded, padded);
      smallProduct<Onto::kSum, Kind>(count, vectors, rowDepths - first, DepthByDepth{dScores + at, across},
                                     queriesAcross + first * padded, padded, s.dKeys + (firstKey + j) * padded, padded);
    }
    const float* const keysAcross = s.keys + firstKey / kDepths * padded;
    for (int64_t i = 0; i < rows; i += kTileRows) {
      const int64_t count = std::min<int64_t>(kTileRows, rows - i);
      for (int64_t row = i; row < i + count; ++row)
        alongRows<Kind>(s.dScores + row * kKeyBlock, 1, roundUp(width, kDepths * kLanes));
      smallProduct<Onto::kSum, Kind>(count, vectors, (seen(i + count - 1) + kDepths - 1) / kDepths,
                                     RowByRow{s.dScores + i * kKeyBlock, kKeyBlock}, keysAcross, padded,
                                     s.dQueries + i * padded, padded);
    }
  }
}

template <typename Kind>
void backward(const AttentionShape& shape, const float* dOut, const float* q, const float* k, const float* v,
              const uint8_t* mask, const float* out, const float* logsumexp, float* dQ, float* dK, float* dV) {
  constexpr int64_t kDepths = Kind::kDepths;
  const int64_t size = shape.size, padded = paddedSize<Kind>(size), group = shape.heads / shape.kvHeads;
  const int64_t stride = shape.heads * size, keyStride = shape.kvHeads * size;
  const bool turn = shape.rope != RopeStyle::kNone;
  const RotaryTable table = turn ? rotaryTable(shape.keys, size, shape.theta) : RotaryTable{};
  const RotaryTable* turning = turn ? &table : nullptr;
  const AttentionWork work(shape);
  if (work.items == 0) return;

  // Where a key head is cut into chunks, each sums its own dKeys and dValues; they are added in chunk order below.
  const int64_t partSize = roundUp(shape.keys * padded, 16);
  Arena::Scope scope;
  float* const parts = work.chunks > 1 ? scope.take<float>(work.items * 2 * partSize) : nullptr;
  const auto part = [&](int64_t head, int64_t chunk, int64_t which) {
    return parts + ((head * work.chunks + chunk) * 2 + which) * partSize;
  };
  const auto write = [&](int64_t head, int64_t j, const float* dKey, const float* dValue) {
    const int64_t offset = ((head / shape.kvHeads) * shape.keys + j) * keyStride + (head % shape.kvHeads) * size;
    rotate(shape.rope, table, j, true, 1.0f, dKey, size, dK + offset);
    std::memcpy(dV + offset, dValue, size * sizeof(float));
  };

  parallelFor(work.items, 1, [&](int64_t begin, int64_t end) {
    Arena::Scope own;
    BackwardScratch s(own, shape.keys, padded);
    for (int64_t index = begin; index < end; ++index) {
      const AttentionItem item = work.item(shape, index);
      const int64_t keyOffset = item.batch * shape.keys * keyStride + item.kvHead * size;
      const int64_t headIndex = item.batch * shape.kvHeads + item.kvHead;
      if (parts) {
        s.dKeys = part(headIndex, item.chunk, 0);
        s.dValues = part(headIndex, item.chunk, 1);
      }
      std::fill(s.dKeys, s.dKeys + shape.keys * padded, 0.0f);
      std::fill(s.dValues, s.dValues + shape.keys * padded, 0.0f);
      for (int64_t first = 0; first < shape.keys; first += kPanel) {
        const int64_t count = std::min(kPanel, shape.keys - first);
        const int64_t offset = keyOffset + first * keyStride;
        float* const keys = kDepths == 1 ? s.keys + first * padded : s.rows;
        packRows(shape, turning, k + offset, keyStride, count, first, 1.0f, padded, keys);
        std::fill(keys + count * padded, keys + kPanel * padded, 0.0f);
        acrossRows<Kind>(keys, count, padded, padded, s.keys + first / kDepths * padded);
        packPanels<Kind>(keys, kPanel, padded, s.keyPanels + first / kDepths * padded);
        packRows(shape, nullptr, v + offset, keyStride, count, 0, 1.0f, padded, s.rows);
        std::fill(s.rows + count * padded, s.rows + kPanel * padded, 0.0f);
        packPanels<Kind>(s.rows, kPanel, padded, s.valuePanels + first / kDepths * padded);
      }
      const float* const bias = maskBias(mask ? mask + item.batch * shape.keys : nullptr, shape.keys, s.bias);

      for (int64_t block = item.firstBlock; block < item.lastBlock; ++block) {
        const int64_t firstQuery = block * kQueryBlock, rows = std::min(kQueryBlock, shape.queries - firstQuery);
        const int64_t position = shape.keys - shape.queries + firstQuery;
        for (int64_t head = item.kvHead * group; head < (item.kvHead + 1) * group; ++head) {
          const int64_t offset = (item.batch * shape.queries + firstQuery) * stride + head * size;
          packRows(shape, turning, q + offset, stride, rows, position, shape.scale, padded, s.queries);
          packRows(shape, nullptr, dOut + offset, stride, rows, 0, 1.0f, padded, s.dOut);
          std::memcpy(s.logsumexp, logsumexp + (item.batch * shape.heads + head) * shape.queries + firstQuery,
                      rows * sizeof(float));
          for (int64_t i = 0; i < rows; ++i) {
            const float *a = out + offset + i * stride, *b = dOut + offset + i * stride;
            float sum = 0;
#pragma omp simd reduction(+ : sum)
            for (int64_t d = 0; d < size; ++d) sum += a[d] * b[d];
            s.delta[i] = sum;
          }
          backwardBlock<Kind>(shape, padded, firstQuery, rows, bias, s);
          for (int64_t i = 0; i < rows; ++i)
            rotate(shape.rope, table, position + i, true, shape.scale, s.dQueries + i * padded, size,
                   dQ + offset + i * stride);
        }
      }
      if (!parts)
        for (int64_t j = 0; j < shape.keys; ++j) write(headIndex, j, s.dKeys + j * padded, s.dValues + j * padded);
    }
  });

  if (!parts) return;
  parallelFor(shape.batch * shape.kvHeads * shape.keys, grainFor(work.chunks * 2 * padded * 4),
              [&](int64_t begin, int64_t end) {
                for (int64_t row = begin; row < end; ++row) {
                  const int64_t head = row / shape.keys, j = row % shape.keys;
                  float* sums[2] = {part(head, 0, 0) + j * padded, part(head, 0, 1) + j * padded};
                  for (int64_t chunk = 1; chunk < work.chunks; ++chunk)
                    for (int which = 0; which < 2; ++which) {
                      const float* more = part(head, chunk, which) + j * padded;
#pragma omp simd
                      for (int64_t d = 0; d < padded; ++d) sums[which][d] += more[d];
                    }
                  write(head, j, sums[0], sums[1]);
                }
              });
}

}  // namespace

void attentionBackward(const AttentionShape& shape, const float* dOut, const float* q, const float* k, const float* v,
                       const uint8_t* mask, const float* out, const float* logsumexp, float* dQ, float* dK, float* dV) {
  withOperandKind([&](auto kind) { backward<decltype(kind)>(shape, dOut, q, k, v, mask, out, logsumexp, dQ, dK, dV); });
}

}  // namespace scmoe
