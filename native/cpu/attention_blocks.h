#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>

#include "core/parallel.h"
#include "cpu/attention.h"
#include "cpu/gemm.h"
#include "cpu/small_product.h"

/// What the forward and the backward pass of attention share: how the work is cut, and the packed operands.
namespace scmoe {

constexpr int64_t kQueryBlock = 48;
constexpr int64_t kKeyBlock = 256;
/// Keys of one panel of a transposed operand: the width of a product tile.
constexpr int64_t kPanel = kTileVectors * kLanes;
static_assert(kKeyBlock % kPanel == 0, "key blocks consist of whole panels");

inline int64_t roundUp(int64_t value, int64_t multiple) { return (value + multiple - 1) / multiple * multiple; }

/// Keys that query i sees.
inline int64_t visibleKeys(const AttentionShape& shape, int64_t i) {
  return shape.causal ? shape.keys - shape.queries + i + 1 : shape.keys;
}

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
inline const float* alongRows(float* rows, int64_t count, int64_t padded) {
#if SCMOE_BF16_PAIRS
  if constexpr (Kind::kDepths == 2) pairAlong(rows, count * padded, rows);
#endif
  return rows;
}

/// Rows (count, columns), `stride` apart, for products that sum over them: (ceil(count / Kind::kDepths), columns) in
/// `to`, or as they are.
template <typename Kind>
inline const float* acrossRows(const float* rows, int64_t count, int64_t columns, int64_t stride, float* to) {
#if SCMOE_BF16_PAIRS
  if constexpr (Kind::kDepths == 2) {
    pairRows(rows, count, columns, stride, to);
    return to;
  }
#endif
  return rows;
}

/// Rows of one head lie a whole token apart, which the hardware does not foresee.
constexpr int64_t kRowsAhead = 12;
inline void prefetchRow(const float* row, int64_t size) {
  for (int64_t d = 0; d < size; d += 16) __builtin_prefetch(row + d);
}

/// Rows of one head, turned and scaled, at `padded` floats a row with zeros behind `size`. Row i stands at
/// firstPosition + i.
inline void packRows(const AttentionShape& shape, const RotaryTable* table, const float* from, int64_t stride,
                     int64_t rows, int64_t firstPosition, float factor, int64_t padded, float* to) {
  for (int64_t i = 0; i < rows; ++i, from += stride, to += padded) {
    prefetchRow(from + kRowsAhead * stride, shape.size);
    rotate(table ? shape.rope : RopeStyle::kNone, table ? *table : RotaryTable{}, firstPosition + i, false, factor,
           from, shape.size, to);
    for (int64_t d = shape.size; d < padded; ++d) to[d] = 0;
  }
}

/// Packed rows into panels of kPanel keys, each (padded / Kind::kDepths, kPanel): a product then reads keys as lanes.
/// `rows` holds whole panels, zeros behind the last key; pairs are made in place.
template <typename Kind>
inline void packPanels(float* rows, int64_t count, int64_t padded, float* panels) {
  const int64_t depth = padded / Kind::kDepths;
  const float* const own = alongRows<Kind>(rows, count, padded);
  for (int64_t first = 0; first < count; first += kPanel, panels += depth * kPanel)
    for (int64_t lane = 0; lane < kPanel; lane += kLanes)
      for (int64_t d = 0; d < depth; d += kLanes)
        transposeSquare(own + (first + lane) * depth + d, depth, panels + d * kPanel + lane, kPanel);
}

/// scores (rows, width) = left (rows, size) times the transposed keys of a block that starts at `firstKey`; vectors
/// of keys that no query of a tile sees are left as they are. `seen(i)` is the number of the block's keys that row i
/// sees.
template <typename Kind, typename Seen>
inline void scoreBlock(const AttentionShape& shape, int64_t rows, int64_t padded, const float* left,
                       const float* panels, int64_t firstKey, int64_t width, const Seen& seen, float* scores) {
  const int64_t stride = padded / Kind::kDepths, depth = (shape.size + Kind::kDepths - 1) / Kind::kDepths;
  for (int64_t j = 0; j < width; j += kPanel) {
    const float* panel = panels + (firstKey + j) * stride;
    for (int64_t i = 0; i < rows; i += kTileRows) {
      const int64_t count = std::min<int64_t>(kTileRows, rows - i);
      const int64_t columns = std::min(kPanel, seen(i + count - 1) - j);
      if (columns <= 0) continue;
      const int64_t vectors = roundUp(columns, kLanes) / kLanes;
      smallProduct<Onto::kNothing, Kind>(count, vectors, depth, RowByRow{left + i * stride, stride}, panel, kPanel,
                                         scores + i * kKeyBlock + j, kKeyBlock);
    }
  }
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
