#pragma once
#include <algorithm>
#include <cstdint>

#include "cpu/attention_blocks.h"

/// What attention asks for while it computes. Rows of one head lie a token apart, which the hardware does not foresee:
/// fetched when they are needed they took longer than the products of 256 tokens.
namespace scmoe {

/// Rows that are asked for a few at a time.
class RowsAhead {
 public:
  void add(const float* first, int64_t count, int64_t stride, int64_t size) {
    if (count <= 0 || arrays_ == kMost) return;
    array_[arrays_++] = {first, count, stride};
    size_ = size;
    total_ += count;
  }

  /// Has everything asked for within so many steps.
  void spread(int64_t steps) { perStep_ = (total_ + steps - 1) / std::max<int64_t>(steps, 1); }

  void step() {
    for (int64_t i = 0; i < perStep_ && at_ < arrays_; ++i) {
      Array& own = array_[at_];
      for (int64_t d = 0; d < size_; d += kLine) __builtin_prefetch(own.next + d, 0, 2);
      own.next += own.stride;
      if (--own.left == 0) ++at_;
    }
  }

 private:
  struct Array {
    const float* next;
    int64_t left, stride;
  };
  static constexpr int64_t kLine = 16;  // numbers of a cache line
  static constexpr int kMost = 8;
  Array array_[kMost];
  int arrays_ = 0, at_ = 0;
  int64_t total_ = 0, size_ = 0, perStep_ = 0;
};

/// One block of queries of one head: where an item of work stands.
struct AttentionPlace {
  AttentionItem item;
  int64_t block, head;

  int64_t firstQuery() const { return block * kQueryBlock; }
  int64_t rows(const AttentionShape& shape) const { return std::min(kQueryBlock, shape.queries - firstQuery()); }
  /// Where its rows begin in q, out and their gradients.
  int64_t offset(const AttentionShape& shape) const {
    return ((item.batch * shape.queries + firstQuery()) * shape.heads + head) * shape.size;
  }
};

/// Calls body(place, rowsAhead) for the blocks of an item in order. While one is computed, `queryArrays` are asked for
/// the rows of the one behind it, in `next` where it is the item's last, and `keyArrays` for a share of the next item's
/// keys, as long as these stay in the second-level cache. `next` may be null.
template <typename Queries, typename Keys, typename Body>
void forPlaces(const AttentionShape& shape, const AttentionItem& item, const AttentionItem* next,
               const Queries& queryArrays, const Keys& keyArrays, const Body& body) {
  const int64_t group = shape.heads / shape.kvHeads, stride = shape.heads * shape.size;
  const int64_t keyStride = shape.kvHeads * shape.size, places = (item.lastBlock - item.firstBlock) * group;
  constexpr int64_t kMost = (int64_t{1} << 18) / sizeof(float);
  const bool fetchKeys = next && shape.keys * shape.size * static_cast<int64_t>(keyArrays.size()) <= kMost;
  const auto placeOf = [&](const AttentionItem& own, int64_t index) {
    return AttentionPlace{own, own.firstBlock + index / group, own.kvHead * group + index % group};
  };
  for (int64_t index = 0; index < places; ++index) {
    RowsAhead ahead;
    if (index + 1 < places || next) {
      const AttentionPlace after = index + 1 < places ? placeOf(item, index + 1) : placeOf(*next, 0);
      for (const float* array : queryArrays)
        ahead.add(array + after.offset(shape), after.rows(shape), stride, shape.size);
    }
    if (fetchKeys) {
      const int64_t first = shape.keys * index / places, end = shape.keys * (index + 1) / places;
      const int64_t offset = ((next->batch * shape.keys + first) * shape.kvHeads + next->kvHead) * shape.size;
      for (const float* array : keyArrays) ahead.add(array + offset, end - first, keyStride, shape.size);
    }
    body(placeOf(item, index), ahead);
  }
}

}  // namespace scmoe
