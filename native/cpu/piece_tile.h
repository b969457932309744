#pragma once
#include <algorithm>
#include <cstdint>

#include "cpu/panel_tile.h"

#if SCMOE_BF16_PAIRS

/// The innermost part of an expert's products in bf16: six rows and 64 columns of sums in registers, pairs of numbers
/// along the depth. While it multiplies it asks for what comes next, two cache lines at every other depth: a core has
/// only so many misses under way.
namespace scmoe::piece {

using panels::kColumns;
using panels::kRows;
using panels::kVectors;
using panels::tilesOf;

/// Rows of the left operand that are kept together, in chunks: a multiple of kRows, and even.
constexpr int64_t kChunk = kTiledRows;
/// Depths after which rows side by side are read that are asked for: the hardware does not foresee them.
constexpr int64_t kAhead = 4;

/// Places of 128 bytes each, to be had in the second-level cache by the end of the next tile.
struct Asked {
  const char* const* places = nullptr;
  int64_t count = 0;
  /// Those that are read when the tile has ended, to be had in the first-level cache then, and where a vector of each
  /// will be written, kColumns apart.
  const char* const* near = nullptr;
  int64_t nearCount = 0;
  const float* nearTo = nullptr;
};

/// Rows that are put in order, two at each fourth depth of a tile: a cache line at a time, or the core would wait for
/// lines to come into its first-level cache and to leave it.
struct Ordered {
  const float* upper = nullptr;
  int64_t stride = 0, units = 0;
  float* to = nullptr;
};

/// Rows of the left operand as they lie, `stride` words apart, or chunks of them side by side at each depth.
struct PlainRows {
  int64_t stride;
  const float& at(const float* a, int i) const { return a[i * stride]; }
  static constexpr int64_t kStep = 1;
};
struct ChunkOfRows {
  const float& at(const float* a, int i) const { return a[i]; }
  static constexpr int64_t kStep = kChunk;
};

template <int Rows, typename Left>
[[gnu::noinline]] void tile(int64_t depth, const float* a, Left left, const float* b, const TileSums& sums, Asked asked,
                            const Ordered& ordered) {
  Vec sum[Rows][kVectors];
  panels::beginSums(sum, sums);
  const auto step = [&]() __attribute__((always_inline)) {
    if constexpr (Left::kStep > 1) __builtin_prefetch(a + kAhead * Left::kStep);
    panels::addDepth<Pairs>([&](int i) { return left.at(a, i); }, b, sum);
    a += Left::kStep;
    b += kColumns;
  };
  int64_t p = 0;
  const auto ask = [&](int64_t at) __attribute__((always_inline)) {
    __builtin_prefetch(asked.places[at], 0, 2);
    __builtin_prefetch(asked.places[at] + 64, 0, 2);
  };
  if (ordered.units > 0) {
    const float* upper = ordered.upper;
    float* to = ordered.to;
    const int64_t stride = ordered.stride;
    for (float* const end = to + ordered.units * kColumns; to < end; to += kColumns, upper += 2 * stride, p += 4)
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) {
        store(to + v * kLanes, pairUp(load(upper + v * kLanes), load(upper + stride + v * kLanes)));
        step();
      }
  }
  if (2 * asked.count <= depth - p) {
    for (int64_t q = 0; q < asked.count; ++q, p += 2) {
      ask(q);
      step();
      step();
    }
  } else {
    for (int64_t q = 0, most = std::min(depth - p, asked.count); q < most; ++q, ++p) {
      ask(q);
      step();
    }
  }
  for (const int64_t end = depth - asked.nearCount; p < end; ++p) step();
  for (int64_t q = 0; p < depth; ++p, ++q) {
    __builtin_prefetch(asked.near[q]);
    __builtin_prefetch(asked.near[q] + 64);
    __builtin_prefetch(asked.nearTo + q * kColumns, 1);
    step();
  }
  panels::finishSums<Pairs>(sum, sums);
}

/// The same for 1 to 6 rows.
template <typename Left>
void tileOf(int64_t rows, int64_t depth, const float* a, Left left, const float* b, const TileSums& sums, Asked asked,
            const Ordered& ordered = {}) {
  switch (rows) {
    case 6: return tile<6>(depth, a, left, b, sums, asked, ordered);
    case 5: return tile<5>(depth, a, left, b, sums, asked, ordered);
    case 4: return tile<4>(depth, a, left, b, sums, asked, ordered);
    case 3: return tile<3>(depth, a, left, b, sums, asked, ordered);
    case 2: return tile<2>(depth, a, left, b, sums, asked, ordered);
    default: return tile<1>(depth, a, left, b, sums, asked, ordered);
  }
}

}  // namespace scmoe::piece

#endif
