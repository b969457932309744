#include "cpu/few_queries.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "core/arena.h"
#include "core/parallel.h"
#include "cpu/attention_blocks.h"
#include "cpu/row_sweep.h"
#include "cpu/small_product.h"
#include "cpu/softmax_row.h"

namespace scmoe {

namespace {

/// Keys that one thread takes at a time.
constexpr int64_t kBlock = 128;
/// Keys after which the next head has its turn: so few that their rows of all heads stay in the first-level cache,
/// which is what lets memory be read in its own order.
constexpr int64_t kTurn = 16;
static_assert(kBlock % kTurn == 0 && kTurn % kLanes == 0, "turns are whole vectors and fill a block");

/// From so many rows of a key head on, a tile of them keeps the processor busy.
constexpr int64_t kTileOfRows = 4;

/// Lane i is the sum of the lanes of rows[i].
inline Vec sumsOfRows(Vec* rows) {
#pragma GCC unroll 4
  for (int width = kLanes; width > 1; width /= 2) {
    IntVec low, high;
    for (int lane = 0; lane < kLanes; ++lane) {
      const int within = lane % width, first = lane - within;
      low[lane] = within < width / 2 ? first + within : kLanes + first + within - width / 2;
      high[lane] = low[lane] + width / 2;
    }
#pragma GCC unroll 8
    for (int i = 0; i < width / 2; ++i)
      rows[i] = shuffled(rows[i], rows[i + width / 2], low) + shuffled(rows[i], rows[i + width / 2], high);
  }
  return rows[0];
}

/// What each block of keys gives each row: its largest score, the sum of exp(score - largest), and the values summed
/// with these weights.
struct Parts {
  int64_t rows, size;
  float *largest, *sum, *values;

  Parts(Arena::Scope& scope, int64_t blocks, int64_t rows, int64_t size)
      : rows(rows),
        size(size),
        largest(scope.take<float>(blocks * rows)),
        sum(scope.take<float>(blocks * rows)),
        values(scope.take<float>(blocks * rows * size)) {}

  /// Those behind the first `blocks`.
  Parts behind(int64_t blocks) const {
    Parts rest = *this;
    rest.largest += blocks * rows;
    rest.sum += blocks * rows;
    rest.values += blocks * rows * size;
    return rest;
  }
};

/// Rows of a sequence: those of a key head lie together, its query heads one after the other.
struct Rows {
  int64_t ofKeyHead, total;

  explicit Rows(const AttentionShape& shape)
      : ofKeyHead(shape.heads / shape.kvHeads * shape.queries), total(shape.heads * shape.queries) {}

  static int64_t head(const AttentionShape& shape, int64_t row) { return row / shape.queries; }
  static int64_t query(const AttentionShape& shape, int64_t row) { return row % shape.queries; }
};

/// Lanes of the product of a query with a key, whose sum is the score.
inline Vec lanesOfScore(const float* query, const float* key, int64_t size) {
  Vec even{}, odd{};
  int64_t d = 0;
  for (; d + 2 * kLanes <= size; d += 2 * kLanes) {
    even += load(query + d) * load(key + d);
    odd += load(query + d + kLanes) * load(key + d + kLanes);
  }
  if (d < size) even += load(query + d) * load(key + d);
  return even + odd;
}

/// Asks for what lies behind a head of a key or value, in the order of memory.
inline void fetchAhead(const float* from, int64_t size) {
  constexpr int64_t kLine = 64 / sizeof(float), kAhead = kAheadBytes / sizeof(float);
  for (int64_t d = 0; d < size; d += kLine) prefetchToSecondLevel(from + kAhead + d);
}

/// scores (rows, kBlock) of a block of keys. A key's heads lie one behind the other and are taken so: memory is read in
/// its own order.
///
/// @param lanes room for (rows, kLanes) vectors
void scoreKeys(const AttentionShape& shape, const Rows& rows, const RotaryTable* table, const float* queries,
               const float* k, int64_t firstKey, int64_t width, float* turned, float* lanes, float* scores) {
  const int64_t size = shape.size, stride = shape.kvHeads * size;
  for (int64_t j = 0; j < width; j += kLanes) {
    const int64_t count = std::min<int64_t>(kLanes, width - j);
    for (int64_t i = 0; i < count; ++i)
      for (int64_t head = 0; head < shape.kvHeads; ++head) {
        const float* key = k + (firstKey + j + i) * stride + head * size;
        fetchAhead(key, size);
        if (table) {
          rotate(shape.rope, *table, firstKey + j + i, false, 1.0f, key, size, turned);
          key = turned;
        }
        for (int64_t r = head * rows.ofKeyHead; r < (head + 1) * rows.ofKeyHead; ++r)
          store(lanes + (r * kLanes + i) * kLanes, lanesOfScore(queries + r * size, key, size));
      }
    for (int64_t r = 0; r < rows.total; ++r) {
      Vec sums[kLanes] = {};
      for (int64_t i = 0; i < count; ++i) sums[i] = load(lanes + (r * kLanes + i) * kLanes);
      store(scores + r * kBlock + j, sumsOfRows(sums));
    }
  }
}

/// values (rows, size) += scores of `count` keys times the values there, where a key head has so few rows that a tile
/// of them would wait for each multiply-add: all heads of some keys one behind the other, as they lie in memory.
void addValuesInOrder(const Rows& rows, int64_t kvHeads, int64_t size, const float* scores, const float* v,
                      int64_t count, float* values) {
  const int64_t stride = kvHeads * size;
  const auto addKeys = [&](int64_t j, auto together) {
    for (int64_t head = 0; head < kvHeads; ++head)
      for (int64_t r = head * rows.ofKeyHead; r < (head + 1) * rows.ofKeyHead; ++r) {
        const float* const from = v + j * stride + head * size;
        if (r == head * rows.ofKeyHead)
          for (int q = 0; q < together.value; ++q) fetchAhead(from + q * stride, size);
        Vec weights[together.value];
#pragma GCC unroll 4
        for (int q = 0; q < together.value; ++q) weights[q] = broadcast(scores[r * kBlock + j + q]);
        for (int64_t d = 0; d < size; d += kLanes) {
          Vec sum = load(values + r * size + d);
#pragma GCC unroll 4
          for (int q = 0; q < together.value; ++q) multiplyAdd(weights[q], load(from + q * stride + d), sum);
          store(values + r * size + d, sum);
        }
      }
  };
  int64_t j = 0;
  for (; j + 4 <= count; j += 4) addKeys(j, std::integral_constant<int, 4>());
  for (; j < count; ++j) addKeys(j, std::integral_constant<int, 1>());
}

/// One block of keys of one sequence.
void takeBlock(const AttentionShape& shape, const Rows& rows, const RotaryTable* table, const float* queries,
               const float* k, const float* v, const uint8_t* mask, int64_t block, const Parts& parts) {
  Arena::Scope scope;
  const int64_t size = shape.size, stride = shape.kvHeads * size, firstKey = block * kBlock;
  const int64_t width = std::min(kBlock, shape.keys - firstKey);
  float* const scores = scope.take<float>(rows.total * kBlock);
  float* const turned = scope.take<float>(table ? size : 0);
  float* const lanes = scope.take<float>(rows.total * kLanes * kLanes);
  const float* const bias = maskBias(mask ? mask + firstKey : nullptr, width, scope.take<float>(kBlock));
  scoreKeys(shape, rows, table, queries, k, firstKey, width, turned, lanes, scores);

  float* const largest = parts.largest + block * parts.rows;
  float* const sum = parts.sum + block * parts.rows;
  float* const values = parts.values + block * parts.rows * size;
  for (int64_t r = 0; r < rows.total; ++r) {
    const int64_t seen = std::clamp<int64_t>(visibleKeys(shape, Rows::query(shape, r)) - firstKey, 0, width);
    largest[r] = kMinusInfinity;
    sum[r] = 0;
    softmaxRow(scores + r * kBlock, bias, seen, kBlock, largest[r], sum[r]);
  }
  std::fill(values, values + rows.total * size, 0.0f);
  for (int64_t j = 0; j < width; j += kTurn) {
    const int64_t count = std::min(kTurn, width - j);
    if (rows.ofKeyHead < kTileOfRows) {
      addValuesInOrder(rows, shape.kvHeads, size, scores + j, v + (firstKey + j) * stride, count, values);
      continue;
    }
    for (int64_t head = 0; head < shape.kvHeads; ++head) {
      const int64_t first = head * rows.ofKeyHead;
      smallProduct<Onto::kSum>(rows.ofKeyHead, size / kLanes, count, RowByRow{scores + first * kBlock + j, kBlock},
                               v + (firstKey + j) * stride + head * size, stride, values + first * size, size);
    }
  }
}

/// The blocks of one row put together.
void combineRow(const Parts& parts, int64_t blocks, int64_t row, float* out, float* logsumexp) {
  const int64_t size = parts.size;
  float largest = kMinusInfinity, sum = 0;
  for (int64_t block = 0; block < blocks; ++block) {
    const float own = parts.largest[block * parts.rows + row];
    // Not std::max: a NaN stays one.
    if (!(own <= largest)) largest = own;
  }
  std::fill(out, out + size, 0.0f);
  for (int64_t block = 0; block < blocks; ++block) {
    const int64_t place = block * parts.rows + row;
    // A block without a key that is seen has nothing to give, and -infinity less -infinity would be NaN.
    const float factor = parts.largest[place] == kMinusInfinity ? (parts.sum[place] == 0 ? 0.0f : 1.0f)
                                                                : std::exp(parts.largest[place] - largest);
    sum += factor * parts.sum[place];
    const float* const values = parts.values + place * size;
    for (int64_t d = 0; d < size; d += kLanes) store(out + d, load(out + d) + factor * load(values + d));
  }
  logsumexp[0] = sum == 0 ? kInfinity : largest + std::log(sum);
  const float inverse = sum == 0 ? 0.0f : 1.0f / sum;
  for (int64_t d = 0; d < size; d += kLanes) store(out + d, load(out + d) * inverse);
}

}  // namespace

bool hasFewQueries(const AttentionShape& shape) {
  return shape.queries <= 4 && shape.queries * (shape.heads / shape.kvHeads) <= 32 && shape.size % kLanes == 0;
}

void attentionOfFewQueries(const AttentionShape& shape, const RotaryTable* table, const float* q, const float* k,
                           const float* v, const uint8_t* mask, float* out, float* logsumexp) {
  Arena::Scope scope;
  const Rows rows(shape);
  const int64_t size = shape.size, stride = shape.heads * size, keyStride = shape.kvHeads * size;
  const int64_t blocks = (shape.keys + kBlock - 1) / kBlock;
  float* const queries = scope.take<float>(shape.batch * rows.total * size);
  float* const result = scope.take<float>(rows.total * size);
  const Parts parts(scope, shape.batch * blocks, rows.total, size);
  const auto place = [&](int64_t r) { return Rows::query(shape, r) * stride + Rows::head(shape, r) * size; };
  for (int64_t b = 0; b < shape.batch; ++b)
    for (int64_t r = 0; r < rows.total; ++r)
      packRows(shape, table, q + b * shape.queries * stride + place(r), stride, 1,
               shape.keys - shape.queries + Rows::query(shape, r), shape.scale, size,
               queries + (b * rows.total + r) * size);

  parallelFor(shape.batch * blocks, grainFor(kBlock * keyStride * 8), [&](int64_t begin, int64_t end) {
    for (int64_t index = begin; index < end; ++index) {
      const int64_t b = index / blocks, offset = b * shape.keys * keyStride;
      const Parts own = parts.behind(b * blocks);
      takeBlock(shape, rows, table, queries + b * rows.total * size, k + offset, v + offset,
                mask ? mask + b * shape.keys : nullptr, index % blocks, own);
    }
  });
  for (int64_t b = 0; b < shape.batch; ++b) {
    const Parts own = parts.behind(b * blocks);
    for (int64_t r = 0; r < rows.total; ++r) {
      combineRow(own, blocks, r, result + r * size, logsumexp + b * rows.total + r);
      std::memcpy(out + b * shape.queries * stride + place(r), result + r * size, size * sizeof(float));
    }
  }
}

}  // namespace scmoe
