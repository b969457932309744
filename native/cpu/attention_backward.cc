#include <array>

#include "core/arena.h"
#include "cpu/attention.h"
#include "cpu/attention_ahead.h"
#include "cpu/attention_blocks.h"

namespace scmoe {

namespace {

/// Keys whose weights and gradients of scores are made before the products that sum over them.
constexpr int64_t kKeyBlock = kQueryBlock;
/// Keys of a tile, which has scores and gradients of weights side by side.
constexpr int kTileKeys = kSumRows / 2;
static_assert(kLanes != 16 || kTileKeys % 2 == 0, "pairs of keys are of one tile");

struct BackwardScratch {
  // Keys and values for products along them, and keys for the product that sums over them.
  float *keys, *values, *keysAcross, *rows;
  // Panels of queries and gradients, and both for products that sum over queries.
  float *queryPanel, *dOutPanel, *queries, *dOut, *queriesAcross, *dOutAcross;
  float *weights, *dScores, *dScoresAcross, *logsumexp, *delta, *dQueries, *dKeys, *dValues, *bias;

  BackwardScratch(Arena::Scope& scope, int64_t count, int64_t padded)
      : keys(scope.take<float>(roundUp(count, kQueryBlock) * padded)),
        values(scope.take<float>(roundUp(count, kQueryBlock) * padded)),
        keysAcross(scope.take<float>(roundUp(count, kQueryBlock) * padded)),
        rows(scope.take<float>(kQueryBlock * padded)),
        queryPanel(scope.take<float>(kQueryBlock * padded)),
        dOutPanel(scope.take<float>(kQueryBlock * padded)),
        queries(scope.take<float>(kQueryBlock * padded)),
        dOut(scope.take<float>(kQueryBlock * padded)),
        queriesAcross(scope.take<float>(kQueryBlock * padded)),
        dOutAcross(scope.take<float>(kQueryBlock * padded)),
        weights(scope.take<float>((kKeyBlock + kTileKeys) * kQueryBlock)),
        dScores(scope.take<float>((kKeyBlock + kTileKeys) * kQueryBlock)),
        dScoresAcross(scope.take<float>((kKeyBlock + kTileKeys) * kQueryBlock)),
        logsumexp(scope.take<float>(kQueryBlock)),
        delta(scope.take<float>(kQueryBlock)),
        dQueries(scope.take<float>(kQueryBlock * padded)),
        dKeys(scope.take<float>(count * padded)),
        dValues(scope.take<float>(count * padded)),
        bias(scope.take<float>(roundUp(count, kLanes))) {}
};

/// One or two vectors of a key's row, for products that sum over queries; `vector` counts from the row's beginning.
template <typename Kind, int vectors>
inline void storeAlong(const Vec (&row)[vectors], int64_t vector, float* to) {
#if SCMOE_BF16_PAIRS
  if constexpr (Kind::kDepths == 2) {
    if constexpr (vectors == 2)
      store(to + vector * kLanes / 2, pairsAlong(row[0], row[1]));
    else
      _mm256_storeu_ps(to + vector * kLanes / 2,
                       reinterpret_cast<__m256>(_mm512_cvtneps_pbh(reinterpret_cast<__m512>(row[0]))));
    return;
  }
#endif
#pragma GCC unroll 4
  for (int v = 0; v < vectors; ++v) store(to + (vector + v) * kLanes, row[v]);
}

/// Where a tile's weights and gradients of scores go, the rows of its first key. For numbers, what sums over queries
/// and what sums over keys read the same.
struct TileRows {
  float *weights, *dScores, *dScoresAcross;
};

template <typename Kind, int vectors>
inline void storeTile(const Vec (&weights)[kTileKeys][vectors], const Vec (&dScores)[kTileKeys][vectors],
                      int64_t vector, const TileRows& to) {
  constexpr int64_t kStride = kQueryBlock / Kind::kDepths;
#pragma GCC unroll 8
  for (int i = 0; i < kTileKeys; ++i) {
    storeAlong<Kind>(weights[i], vector, to.weights + i * kStride);
    storeAlong<Kind>(dScores[i], vector, to.dScores + i * kStride);
  }
  if constexpr (Kind::kDepths == 2) {
#pragma GCC unroll 8
    for (int i = 0; i < kTileKeys; i += 2)
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v)
        storeAcross<Kind>(dScores[i][v], dScores[i + 1][v],
                          to.dScoresAcross + i / 2 * kQueryBlock + (vector + v) * kLanes);
  }
}

/// Scores of `count` keys against `vectors` vectors of queries become weights p = exp2(score + bias - logsumexp), their
/// gradients dScores = p (dWeight - delta). What a query does not see, and keys behind `count`, are zero.
template <typename Kind, int vectors>
[[gnu::noinline]] void gradientTile(int64_t depth, int64_t stride, const float* keys, const float* values,
                                    int64_t count, const float* bias, SeenLanes seen, int64_t vector,
                                    const BackwardScratch& s, const TileRows& to) {
  Vec scores[kTileKeys][vectors] = {}, dWeights[kTileKeys][vectors] = {};
  const float *queries = s.queryPanel + vector * kLanes, *dOut = s.dOutPanel + vector * kLanes;
  for (int64_t d = 0; d < depth; ++d) {
    addProducts<Kind>(keys, stride, queries, d, scores);
    addProducts<Kind>(values, stride, dOut, d, dWeights);
  }
  const bool whole = !bias && count == kTileKeys && SeenLanes{seen.first + kTileKeys - 1}.isWhole(vector);
#pragma GCC unroll 8
  for (int i = 0; i < kTileKeys; ++i)
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) {
      scores[i][v] = powerOfTwo(scores[i][v] - load(s.logsumexp + (vector + v) * kLanes));
      dWeights[i][v] = scores[i][v] * (dWeights[i][v] - load(s.delta + (vector + v) * kLanes));
    }
  if (whole) return storeTile<Kind>(scores, dWeights, vector, to);
#pragma GCC unroll 8
  for (int i = 0; i < kTileKeys; ++i)
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) {
      // A key that nobody may see has a bias of -infinity.
      const bool shown = i < count && !(bias && bias[i] < 0);
      const SeenLanes own{shown ? seen.first + i : kQueryBlock};
      scores[i][v] = own.keep(vector + v, scores[i][v], Vec{});
      dWeights[i][v] = own.keep(vector + v, dWeights[i][v], Vec{});
    }
  storeTile<Kind>(scores, dWeights, vector, to);
}

/// One block of queries of one head: its dQueries, and its share of dKeys and dValues.
template <typename Kind>
[[gnu::noinline, gnu::flatten]] void backwardBlock(const AttentionShape& shape, int64_t padded, int64_t firstQuery,
                                                   int64_t rows, const float* bias, const BackwardScratch& s,
                                                   RowsAhead& ahead) {
  constexpr int64_t kDepths = Kind::kDepths, kStride = kQueryBlock / kDepths;
  const int64_t stride = padded / kDepths, depth = (shape.size + kDepths - 1) / kDepths;
  const int64_t vectors = roundUp(rows, kLanes) / kLanes, keys = visibleKeys(shape, firstQuery + rows - 1);
  const int64_t behind = shape.causal ? visibleKeys(shape, firstQuery) - 1 : shape.keys;
  ahead.spread(tilesOf<kTileKeys>(vectors, keys));
  if (keys <= 0) std::fill(s.dQueries, s.dQueries + rows * padded, 0.0f);
  const float* const queriesAcross = kDepths == 1 ? s.queries : s.queriesAcross;
  const float* const dOutAcross = kDepths == 1 ? s.dOut : s.dOutAcross;
  float* const dScoresAcross = kDepths == 1 ? s.dScores : s.dScoresAcross;
  for (int64_t firstKey = 0; firstKey < keys; firstKey += kKeyBlock) {
    const int64_t width = std::min(kKeyBlock, keys - firstKey);
    forTiles<kTileKeys>(vectors, width, firstKey - behind,
                        [&](int64_t j, SeenLanes seen, int64_t begin, int64_t first, int64_t end) {
                          ahead.step();
                          const int64_t at = (firstKey + j) * stride;
                          const TileRows to{s.weights + j * kStride, s.dScores + j * kStride,
                                            dScoresAcross + j / kDepths * kQueryBlock};
                          const Vec nothing[kTileKeys][1] = {};
                          for (int64_t v = begin; v < first; ++v) storeTile<Kind>(nothing, nothing, v, to);
                          forVectors(first, end, [&](auto together, int64_t v) {
                            gradientTile<Kind, together.value>(depth, stride, s.keys + at, s.values + at,
                                                               std::min<int64_t>(kTileKeys, width - j),
                                                               bias ? bias + firstKey + j : nullptr, seen, v, s, to);
                          });
                        });
    const int64_t rowDepths = (rows + kDepths - 1) / kDepths;
    for (int64_t j = 0; j < width; j += kSumRows) {
      const int64_t count = std::min<int64_t>(kSumRows, width - j);
      // The first query that sees key j: those above it have weight zero.
      const int64_t first = std::max<int64_t>(0, firstKey + j - behind) / kDepths;
      const int64_t at = j * kStride + first, own = (firstKey + j) * padded;
      tileProduct<Onto::kSum, Kind>(count, rowDepths - first, RowByRow{s.weights + at, kStride},
                                    dOutAcross + first * padded, padded, s.dValues + own);
      tileProduct<Onto::kSum, Kind>(count, rowDepths - first, RowByRow{s.dScores + at, kStride},
                                    queriesAcross + first * padded, padded, s.dKeys + own);
    }
    const float* const keysAcross = (kDepths == 1 ? s.keys : s.keysAcross) + firstKey / kDepths * padded;
    for (int64_t i = 0; i < rows; i += kSumRows) {
      const int64_t count = std::min<int64_t>(kSumRows, rows - i);
      const int64_t seen = std::clamp<int64_t>(visibleKeys(shape, firstQuery + i + count - 1) - firstKey, 0, width);
      const int64_t summed = (seen + kDepths - 1) / kDepths;
      const DepthByDepth dScores{dScoresAcross + i, kQueryBlock};
      if (firstKey == 0)
        tileProduct<Onto::kNothing, Kind>(count, summed, dScores, keysAcross, padded, s.dQueries + i * padded);
      else
        tileProduct<Onto::kSum, Kind>(count, summed, dScores, keysAcross, padded, s.dQueries + i * padded);
    }
  }
}

/// Rows of a block of queries or their gradients, made into a panel and what sums over queries.
template <typename Kind>
void packQueries(float* rows, int64_t count, int64_t padded, float* across, float* panel) {
  const int64_t whole = roundUp(count, kLanes);
  std::fill(rows + count * padded, rows + whole * padded, 0.0f);
  // First what is made from rows as they are, then what takes their place.
  acrossRows<Kind>(rows, count, padded, padded, across);
  packPanel<Kind>(alongRows<Kind>(rows, whole, padded), count, padded, panel);
}

template <typename Kind>
void backward(const AttentionShape& shape, const float* dOut, const float* q, const float* k, const float* v,
              const uint8_t* mask, const float* out, const float* logsumexp, float* dQ, float* dK, float* dV) {
  constexpr int64_t kDepths = Kind::kDepths;
  const int64_t size = shape.size, padded = paddedSize<Kind>(size);
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
    // Queries were multiplied with log2(e) as well.
    unpackRow(shape, turning, j, kLn2, dKey, dK + offset);
    unpackRow(shape, nullptr, 0, 1.0f, dValue, dV + offset);
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
      for (int64_t first = 0; first < shape.keys; first += kQueryBlock) {
        const int64_t count = std::min(kQueryBlock, shape.keys - first);
        const int64_t offset = keyOffset + first * keyStride, at = first / kDepths * padded;
        packRows(shape, turning, k + offset, keyStride, count, first, 1.0f, padded,
                 kDepths == 1 ? s.keys + at : s.rows);
        acrossRows<Kind>(s.rows, count, padded, padded, s.keysAcross + at);
        finishKeys<Kind>(s.rows, count, padded, s.keys + at);
        packRows(shape, nullptr, v + offset, keyStride, count, 0, 1.0f, padded, kDepths == 1 ? s.values + at : s.rows);
        finishKeys<Kind>(s.rows, count, padded, s.values + at);
      }
      const float* const bias = maskBias(mask ? mask + item.batch * shape.keys : nullptr, shape.keys, s.bias);

      const AttentionItem next = work.item(shape, std::min(index + 1, end - 1));
      const std::array<const float*, 4> queryArrays = {q, dOut, out, dQ}, keyArrays = {k, v, dK, dV};
      forPlaces(
          shape, item, index + 1 < end ? &next : nullptr, queryArrays, keyArrays,
          [&](const AttentionPlace& place, RowsAhead& ahead) {
            const int64_t firstQuery = place.firstQuery(), rows = place.rows(shape);
            const int64_t offset = place.offset(shape), position = shape.keys - shape.queries + firstQuery;
            packRows(shape, turning, q + offset, stride, rows, position, shape.scale * kLog2OfE, padded, s.queries);
            packQueries<Kind>(s.queries, rows, padded, s.queriesAcross, s.queryPanel);
            packRows(shape, nullptr, dOut + offset, stride, rows, 0, 1.0f, padded, s.dOut);
            const float* const lse = logsumexp + (item.batch * shape.heads + place.head) * shape.queries + firstQuery;
            for (int64_t i = 0; i < rows; ++i) {
              const float *a = out + offset + i * stride, *b = s.dOut + i * padded;
              float sum = 0;
#pragma omp simd reduction(+ : sum)
              for (int64_t d = 0; d < size; ++d) sum += a[d] * b[d];
              s.delta[i] = sum;
              s.logsumexp[i] = lse[i] * kLog2OfE;
            }
            // Behind the last query nothing has a weight.
            std::fill(s.delta + rows, s.delta + roundUp(rows, kLanes), 0.0f);
            std::fill(s.logsumexp + rows, s.logsumexp + roundUp(rows, kLanes), std::numeric_limits<float>::infinity());
            packQueries<Kind>(s.dOut, rows, padded, s.dOutAcross, s.dOutPanel);
            backwardBlock<Kind>(shape, padded, firstQuery, rows, bias, s, ahead);
            for (int64_t i = 0; i < rows; ++i)
              unpackRow(shape, turning, position + i, shape.scale, s.dQueries + i * padded, dQ + offset + i * stride);
          });
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
