#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include "core/parallel.h"
#include "cpu/attention.h"
#include "cpu/gemm.h"
#include "cpu/small_product.h"

/// What the forward and the backward pass of attention share: how the work is cut, and the packed operands.
namespace scmoe {

/// Scores lie transposed, (keys, queries): a vector has one key and neighbouring queries, so that largest scores, sums
/// and gradients of softmax need no work across lanes.
constexpr int64_t kQueryBlock = kLanes == 16 ? 64 : 48;
/// Rows and vectors of a tile of sums: half of 32 registers, which leaves half for operands and what becomes of the
/// sums, or 12 of 16.
constexpr int kSumRows = kLanes == 16 ? 8 : 6;
constexpr int kSumVectors = kLanes == 4 ? 4 : 2;
static_assert(kQueryBlock % kLanes == 0 && kQueryBlock % kSumRows == 0, "query blocks are whole vectors and tiles");

constexpr float kLog2OfE = 1.44269504f;
constexpr float kLn2 = 0.693147181f;

inline int64_t roundUp(int64_t value, int64_t multiple) { return (value + multiple - 1) / multiple * multiple; }

/// Keys that query i sees.
inline int64_t visibleKeys(const AttentionShape& shape, int64_t i) {
  return shape.causal ? shape.keys - shape.queries + i + 1 : shape.keys;
}

/// What the causal mask leaves of one row of scores, of a key against a block of queries: query `first` of the block is
/// the first that sees it.
struct SeenLanes {
  int64_t first;

  /// The first vector with a query that sees the key.
  int64_t firstVector() const { return first <= 0 ? 0 : first / kLanes; }
  /// Whether every query from `vector` on sees it.
  bool isWhole(int64_t vector) const { return first <= vector * kLanes; }
  /// `value` where the query sees the key, else `hidden`.
  Vec keep(int64_t vector, Vec value, Vec hidden) const {
    return laneIndex() >= static_cast<int32_t>(first - vector * kLanes) ? value : hidden;
  }
};

/// What is added to the scores of each key of a sequence: -infinity where its mask (keys) is 0, else 0. The room behind
/// the last key, up to whole vectors, is 0. Returns `to`, or null without a mask.
inline const float* maskBias(const uint8_t* mask, int64_t keys, float* to) {
  if (!mask) return nullptr;
  for (int64_t j = 0; j < keys; ++j) to[j] = mask[j] ? 0.0f : -std::numeric_limits<float>::infinity();
  for (int64_t j = keys; j < roundUp(keys, kLanes); ++j) to[j] = 0.0f;
  return to;
}

/// One piece of work: a range of query blocks of all query heads that share a key head.
struct AttentionItem {
  int64_t batch, kvHead, chunk, firstBlock, lastBlock;
};

struct AttentionWork {
  int64_t blocks;  // query blocks of one head
  int64_t chunks;  // pieces that the blocks of one key head are cut into
  int64_t items;

  /// Whole key heads where they spread evenly over the threads, else enough pieces to even out.
  explicit AttentionWork(const AttentionShape& shape)
      : blocks((shape.queries + kQueryBlock - 1) / kQueryBlock), chunks(1) {
    const int64_t heads = shape.batch * shape.kvHeads, team = threads();
    while (heads > 0 && chunks < blocks && heads * chunks % team != 0 && heads * chunks < 4 * team) ++chunks;
    items = heads * chunks;
  }

  /// Under the causal mask late blocks cost more: pieces from both ends alternate, so that neighbours even out.
  AttentionItem item(const AttentionShape& shape, int64_t index) const {
    const int64_t place = index % chunks, head = index / chunks;
    const int64_t chunk = place % 2 == 0 ? place / 2 : chunks - 1 - place / 2;
    return {head / shape.kvHeads, head % shape.kvHeads, chunk, blocks * chunk / chunks, blocks * (chunk + 1) / chunks};
  }
};

/// Floats of a row with the zeros behind it: whole vectors of the operands.
template <typename Kind>
inline int64_t paddedSize(int64_t size) {
  return roundUp(size, kLanes * Kind::kDepths);
}

/// Rows (count, padded) for products along them: (count, padded / Kind::kDepths), in place.
template <typename Kind>
inline const float* alongRows(float* rows, [[maybe_unused]] int64_t count, [[maybe_unused]] int64_t padded) {
#if SCMOE_BF16_PAIRS
  if constexpr (Kind::kDepths == 2) pairAlong(rows, count * padded, rows);
#endif
  return rows;
}

/// Two neighbouring keys of a vector of queries, for products that sum over keys: a row of pairs, or two rows.
template <typename Kind>
inline void storeAcross(Vec first, Vec second, float* to) {
#if SCMOE_BF16_PAIRS
  if constexpr (Kind::kDepths == 2) return store(to, pairUp(first, second));
#endif
  store(to, first);
  store(to + kQueryBlock, second);
}

/// Rows (count, columns), `stride` apart, for products that sum over them: (ceil(count / Kind::kDepths), columns) in
/// `to`, or as they are.
template <typename Kind>
inline const float* acrossRows(const float* rows, [[maybe_unused]] int64_t count, [[maybe_unused]] int64_t columns,
                               [[maybe_unused]] int64_t stride, [[maybe_unused]] float* to) {
#if SCMOE_BF16_PAIRS
  if constexpr (Kind::kDepths == 2) {
    pairRows(rows, count, columns, stride, to);
    return to;
  }
#endif
  return rows;
}

/// Rows of one head, turned and scaled, at `padded` floats a row with zeros behind `size`. Row i stands at
/// firstPosition + i.
inline void packRows(const AttentionShape& shape, const RotaryTable* table, const float* from, int64_t stride,
                     int64_t rows, int64_t firstPosition, float factor, int64_t padded, float* to) {
  if (!table && shape.size == padded) {
    for (int64_t i = 0; i < rows; ++i, from += stride, to += padded) {
      for (int64_t d = 0; d < padded; d += kLanes) store(to + d, factor * load(from + d));
    }
    return;
  }
  for (int64_t i = 0; i < rows; ++i, from += stride, to += padded) {
    rotate(table ? shape.rope : RopeStyle::kNone, table ? *table : RotaryTable{}, firstPosition + i, false, factor,
           from, shape.size, to);
    for (int64_t d = shape.size; d < padded; ++d) to[d] = 0;
  }
}

/// y (size) = factor * x, turned back from `position` where there is a table.
inline void unpackRow(const AttentionShape& shape, const RotaryTable* table, int64_t position, float factor,
                      const float* x, float* y) {
  if (!table && shape.size % kLanes == 0) {
    for (int64_t d = 0; d < shape.size; d += kLanes) store(y + d, factor * load(x + d));
    return;
  }
  rotate(table ? shape.rope : RopeStyle::kNone, table ? *table : RotaryTable{}, position, true, factor, x, shape.size,
         y);
}

/// Ends the packing of `count` rows of keys or values for products along them, (count, padded / Kind::kDepths), with
/// zeros behind up to whole tiles: where those are pairs, made from `rows`; else `to` has the rows already.
template <typename Kind>
inline void finishKeys(float* rows, int64_t count, int64_t padded, float* to) {
  const int64_t whole = roundUp(count, kSumRows) * padded;
  float* const own = Kind::kDepths == 1 ? to : rows;
  std::fill(own + count * padded, own + whole, 0.0f);
#if SCMOE_BF16_PAIRS
  if constexpr (Kind::kDepths == 2) pairAlong(rows, whole, to);
#endif
}

/// Packed rows of a block of queries, ready for products along them and zeros behind the last one up to whole vectors,
/// as a panel (padded / Kind::kDepths, kQueryBlock), in which queries are lanes.
template <typename Kind>
inline void packPanel(const float* rows, int64_t count, int64_t padded, float* panel) {
  const int64_t depth = padded / Kind::kDepths;
  for (int64_t lane = 0; lane < count; lane += kLanes)
    for (int64_t d = 0; d < depth; d += kLanes)
      transposeSquare(rows + lane * depth + d, depth, panel + d * kQueryBlock + lane, kQueryBlock);
}

/// sums (rows, vectors) += left (rows, depth), rows `stride` apart, times `vectors` vectors of a panel.
template <typename Kind, int rows, int vectors>
[[gnu::always_inline]] inline void addProducts(const float* left, int64_t stride, const float* panel, int64_t d,
                                               Vec (&sums)[rows][vectors]) {
  Vec right[vectors];
#pragma GCC unroll 4
  for (int v = 0; v < vectors; ++v) {
    right[v] = load(panel + d * kQueryBlock + v * kLanes);
    // gcc 12 would load it for each row.
    if (rows == kSumRows / 2 && Kind::kDepths == 1) keepInRegister(right[v]);
  }
#pragma GCC unroll 8
  for (int i = 0; i < rows; ++i) {
    const Vec spread = Kind::spread(left[i * stride + d]);
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) Kind::multiplyAdd(spread, right[v], sums[i][v]);
  }
}

/// Vectors of queries between which forTiles walks over the keys. With 16 registers those of a tile, so that their part
/// of a panel stays in the first-level cache for heads of 128, a tenth of the time; with AVX-512 all of them, which
/// takes a fiftieth less for heads of 32.
constexpr int64_t kTurnVectors = kLanes == 16 ? kQueryBlock / kLanes : kSumVectors;

/// Calls that forTiles makes.
template <int rows>
inline int64_t tilesOf(int64_t vectors, int64_t keys) {
  return (keys + rows - 1) / rows * ((vectors + kTurnVectors - 1) / kTurnVectors);
}

/// Calls body(j, seen, begin, first, end) for `rows` keys from j on and vectors begin ... end - 1 of a block of `width`
/// keys, the first of which is first seen by query `lane`: vectors before `first` see none of them.
template <int rows, typename Body>
inline void forTiles(int64_t vectors, int64_t width, int64_t lane, const Body& body) {
  for (int64_t v = 0; v < vectors; v += kTurnVectors) {
    const int64_t end = std::min<int64_t>(v + kTurnVectors, vectors);
    for (int64_t j = 0; j < width; j += rows) {
      const SeenLanes seen{lane + j};
      body(j, seen, v, std::clamp(seen.firstVector(), v, end), end);
    }
  }
}

/// Calls body(std::integral_constant<int, count>(), vector) for vectors first ... end - 1, up to kSumVectors at a time.
template <typename Body>
inline void forVectors(int64_t first, int64_t end, const Body& body) {
  for (; first + kSumVectors <= end; first += kSumVectors) body(std::integral_constant<int, kSumVectors>(), first);
  for (; first < end; ++first) body(std::integral_constant<int, 1>(), first);
}

/// kSumRows rows of tileProduct, or fewer. Where there are 16 registers by itself, for gcc 12 keeps sums in memory
/// where this is part of more; with 32 it is part of its callers (flatten), for the calls cost a thirtieth of the time.
template <Onto onto, typename Kind, int vectors, typename Left>
#if defined(__AVX__) && !defined(__AVX512F__)
[[gnu::noinline, gnu::flatten]]
#endif
void productOfRows(int64_t rows, int64_t depth, Left left, const float* right, int64_t columns, float* c,
                   const float* rowScale) {
  productRows<onto, Kind, kSumRows, vectors>(rows, depth, left, right, columns, c, columns, rowScale);
}

/// C (rows, columns) from `left` (rows, depth) and `right` (depth, columns), with rows of C and of `right` `columns`
/// apart; kSumRows rows at most.
template <Onto onto, typename Kind, typename Left>
inline void tileProduct(int64_t rows, int64_t depth, Left left, const float* right, int64_t columns, float* c,
                        const float* rowScale = nullptr) {
  int64_t j = 0;
  for (; j + kSumVectors * kLanes <= columns; j += kSumVectors * kLanes)
    productOfRows<onto, Kind, kSumVectors>(rows, depth, left, right + j, columns, c + j, rowScale);
  for (; j < columns; j += kLanes) productOfRows<onto, Kind, 1>(rows, depth, left, right + j, columns, c + j, rowScale);
}

/// The form that operands have for products: as they are, or where the CPU multiplies pairs of bf16 and products are to
/// be made in it, those. Calls body(Kind()).
template <typename Body>
inline void withOperandKind(const Body& body) {
#if SCMOE_BF16_PAIRS
  if (precision() == Precision::kBf16) return body(Pairs());
#endif
  body(Numbers());
}

}  // namespace scmoe
