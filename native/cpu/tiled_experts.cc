#include "cpu/tiled_experts.h"

#include "core/error.h"
#include "cpu/operand_kinds.h"

#if SCMOE_BF16_PAIRS
#include <algorithm>
#include <new>

#include "core/parallel.h"
#include "cpu/gemm.h"
#include "cpu/gemm_depths.h"
#include "cpu/hidden_pairs.h"
#include "cpu/paired_blocks.h"
#include "cpu/paired_rows.h"
#include "cpu/piece_product.h"

namespace scmoe {

using namespace piece;

namespace {

/// Numbers beside those of a row.
constexpr int64_t kBeside = 2 * panels::kBeside;

int64_t deepestCut(int64_t k) {
  int64_t deepest = 0;
  forLibraryDepths<Pairs>(k, [&](int64_t, int64_t size) { deepest = std::max(deepest, size); });
  return deepest;
}

/// A weight's gradient: `count` of its rows, at most kChunk, and 64 columns. a: chunks of rows side by side at each
/// pair of tokens; b (tokens / 2, kColumns) words.
void multiplyGradient(int64_t tokens, int64_t count, const float* a, const float* b, float* held,
                      const TileSums& target, const char* const* places, int64_t perTile) {
  forLibraryDepths<Pairs>(tokens, [&](int64_t begin, int64_t size) {
    TileSums own = begin + size == tokens ? target : TileSums{held, kColumns};
    if (begin > 0) own.before = held, own.beforeStride = kColumns;
    const int64_t all = tilesOf(count);
    for (int64_t t = 0; t < all; ++t) {
      const int64_t at = panels::firstRow(count, t), to = panels::firstRow(count, t + 1);
      tileOf(to - at, (size + 1) / 2, a + begin / 2 * kChunk + at, ChunkOfRows(), b + begin / 2 * kColumns,
             own.from(at), {places, begin == 0 ? perTile : 0});
      places += perTile;
    }
  });
}

/// to (rows, columns + kBeside) in bf16.
void roundRows(int64_t rows, int64_t columns, const float* from, uint16_t* to) {
  parallelFor(rows, grainFor(columns * 6), [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i)
      pairAlong(from + i * columns, columns, reinterpret_cast<float*>(to + i * (columns + kBeside)));
  });
}

void addTo(double* total, const double* sums, int64_t count) {
  for (int64_t i = 0; total && i < count; ++i) *total += sums[i];
}

}  // namespace

struct TiledExperts::Rooms {
  PieceRoom* of;
  PieceRoom& operator[](int64_t part) { return of[part]; }
};

bool tilesExpert(int64_t rows, int64_t d, int64_t f) {
  constexpr int64_t kFewestRows = 33, kSmallest = 1 << 16;
  return rows >= kFewestRows && d * f >= kSmallest && d % kColumns == 0 && f % kColumns == 0 && !usesBlockedGemm();
}

TiledExperts::TiledExperts(Arena::Scope& scope, int64_t d, int64_t f, Activation activation)
    : d_(d),
      f_(f),
      activation_(activation),
      rooms_(new (scope.take<Rooms>(1)) Rooms{scope.take<PieceRoom>(threads())}) {
  const int64_t deepest = std::max(deepestCut(d), deepestCut(f));
  for (int64_t part = 0; part < threads(); ++part) new (rooms_->of + part) PieceRoom(scope, deepest);
}

void TiledExperts::forward(int64_t rows, const ExpertWeights& of, const float* x, float* y, uint16_t* pre,
                           uint16_t* hidden, const ExpertWeights& next) {
  withActivation(activation_, [&](auto chosen) { forwardBy<chosen.value>(rows, of, x, y, pre, hidden, next); });
}

template <Activation A>
void TiledExperts::forwardBy(int64_t rows, const ExpertWeights& of, const float* x, float* y, uint16_t* pre,
                             uint16_t* hidden, const ExpertWeights& next) {
  Arena::Scope scope;
  const int64_t d = d_, f = f_, xStride = d + kBeside, hiddenStride = f + kBeside;
  auto* const x16 = scope.take<uint16_t>(rows * xStride);
  auto* const hidden16 = scope.take<uint16_t>(rows * hiddenStride);
  roundRows(rows, d, x, x16);
  const Product first{rows, f / kColumns, d, x16, xStride, of.w1, f, false};
  const Product second{rows, d / kColumns, f, hidden16, hiddenStride, of.w2, d, false};
  Product following = first;
  following.weight = next.w1;
  const Sharing firstParts(rows, first.panels, true), secondParts(rows, second.panels, true);
  Rooms& rooms = *rooms_;
  const Activating<A> activating;
  parallelFor(firstParts.parts(), 1, [&](int64_t begin, int64_t end) {
    for (int64_t part = begin; part < end; ++part)
      multiply(first, firstParts, part, rooms[part], firstPiece(second, secondParts, part), nullptr, 0,
               [&](int64_t panel, int64_t from, int64_t count, float* sums, int64_t stride) {
                 const int64_t j = panel * kColumns;
                 for (int64_t i = 0; i < count; ++i) {
                   const int64_t at = (from + i) * f + j;
                   for (int64_t q = 0; q < kColumns; q += 2 * kLanes) {
                     const Hidden made = activating(of.b1 ? of.b1 + j + q : nullptr, sums + i * stride + q);
                     if (pre) storePast(pre + at + q, made.before);
                     if (hidden) storePast(hidden + at + q, made.after);
                     storePairs(hidden16 + (from + i) * hiddenStride + j + q, made.after);
                   }
                 }
               });
    _mm_sfence();
  });
  parallelFor(secondParts.parts(), 1, [&](int64_t begin, int64_t end) {
    for (int64_t part = begin; part < end; ++part)
      multiply(second, secondParts, part, rooms[part], firstPiece(following, firstParts, part), y, d,
               [&](int64_t panel, int64_t, int64_t count, float* sums, int64_t stride) {
                 if (!of.b2) return;
                 for (int64_t i = 0; i < count; ++i)
                   activateRow<Activation::kNone>(kColumns, of.b2 + panel * kColumns, sums + i * stride,
                                                  sums + i * stride);
               });
  });
}

void TiledExperts::backward(int64_t rows, const ExpertWeights& of, const float* dy, const float* x, const uint16_t* pre,
                            const uint16_t* hidden, const ExpertWeights& next, const ExpertGradients& to) {
  withActivation(activation_, [&](auto chosen) { backwardBy<chosen.value>(rows, of, dy, x, pre, hidden, next, to); });
}

template <Activation A>
void TiledExperts::backwardBy(int64_t rows, const ExpertWeights& of, const float* dy, const float* x,
                              const uint16_t* pre, const uint16_t* hidden, const ExpertWeights& next,
                              const ExpertGradients& to) {
  Arena::Scope scope;
  const int64_t d = d_, f = f_, dyStride = d + kBeside, slopeStride = f + kBeside, pairs = (rows + 1) / 2;
  const int64_t panelsIn = d / kColumns, panelsBetween = f / kColumns;
  const int64_t chunksIn = (d + kChunk - 1) / kChunk, chunksBetween = (f + kChunk - 1) / kChunk;
  auto* const dy16 = scope.take<uint16_t>(rows * dyStride);
  auto* const slopes16 = scope.take<uint16_t>(rows * slopeStride);
  auto* const xPairs = scope.take<float>(chunksIn * pairs * kChunk);
  auto* const dyPanels = scope.take<float>(panelsIn * pairs * kColumns);
  double* const sums = to.squares ? scope.take<double>(panelsBetween + chunksBetween) : nullptr;
  if (sums) std::fill(sums, sums + panelsBetween + chunksBetween, 0.0);

  parallelFor(pairs, grainFor(d * 8),
              [&](int64_t first, int64_t last) { pairPanels<kChunk>(rows, d, x, first, last, xPairs); });
  roundRows(rows, d, dy, dy16);
  const PairedRows paired;
  parallelFor(panelsIn, grainFor(rows * kColumns * 4), [&](int64_t begin, int64_t end) {
    const int64_t first = begin * kColumns, last = end * kColumns;
    std::fill(to.dB2 + first, to.dB2 + last, 0.0f);
    for (int64_t i = 0; i < rows; ++i) {
#pragma omp simd
      for (int64_t j = first; j < last; ++j) to.dB2[j] += dy[i * d + j];
      if (i % 2 == 1) continue;
      const uint16_t *const upper = dy16 + i * dyStride, *const lower = i + 1 < rows ? upper + dyStride : nullptr;
      for (int64_t j = first; j < last; j += 2 * kLanes)
        paired.put(loadPairs(upper + j), lower ? loadPairs(lower + j) : Vec{},
                   dyPanels + (j / kColumns * pairs + i / 2) * kColumns + j % kColumns);
    }
  });

  const Product back{rows, panelsBetween, d, dy16, dyStride, of.w2, d, true};
  const Product input{rows, panelsIn, f, slopes16, slopeStride, of.w1, f, true};
  Product following = back;
  following.weight = next.w2;
  const Sharing backParts(rows, panelsBetween, false), inputParts(rows, panelsIn, true);
  Rooms& rooms = *rooms_;
  const Sloping<A> sloping;
  // A panel of slopes is multiplied for the gradient of its columns of w1 while it is near.
  parallelFor(backParts.parts(), 1, [&](int64_t begin, int64_t end) {
    Arena::Scope own;
    auto* const slopePairsOf = own.take<float>(pairs * kColumns);
    auto* const held = own.take<float>(kChunk * kColumns);
    for (int64_t part = begin; part < end; ++part)
      multiply(back, backParts, part, rooms[part], firstPiece(input, inputParts, part), nullptr, 0,
               [&](int64_t panel, int64_t from, int64_t count, float* block, int64_t stride) {
                 const int64_t j = panel * kColumns;
                 if (from == 0) std::fill(to.dB1 + j, to.dB1 + j + kColumns, 0.0f);
                 for (int64_t i = 0; i < count; ++i) {
                   const uint16_t* const before = pre + (from + i) * f + j;
                   // The hardware does not foresee the next columns.
                   if (panel + 1 < panelsBetween) {
                     __builtin_prefetch(before + kColumns, 0, 2);
                     __builtin_prefetch(before + kColumns + 2 * kLanes, 0, 2);
                   }
                   uint16_t* const slopes = slopes16 + (from + i) * slopeStride + j;
                   float* const total = to.dB1 + j;
                   for (int64_t q = 0; q < kColumns; q += 2 * kLanes) {
                     const Slopes made = sloping(block + i * stride + q, before + q);
                     store(total + q, load(total + q) + made.first);
                     store(total + q + kLanes, load(total + q + kLanes) + made.second);
                     storePairs(slopes + q, made.pairs());
                   }
                   if (i % 2 == 0 && i + 1 < count) continue;
                   const uint16_t* const upper = i % 2 == 0 ? slopes : slopes - slopeStride;
                   for (int64_t q = 0; q < kColumns; q += 2 * kLanes)
                     paired.put(loadPairs(upper + q), i % 2 == 0 ? Vec{} : loadPairs(slopes + q),
                                slopePairsOf + (from + i) / 2 * kColumns + q);
                 }
                 if (from + count < rows) return;
                 for (int64_t chunk = 0; chunk < chunksIn; ++chunk) {
                   float* const at = to.dW1 + chunk * kChunk * f + j;
                   multiplyGradient(rows, std::min(kChunk, d - chunk * kChunk), xPairs + chunk * pairs * kChunk,
                                    slopePairsOf, held,
                                    {at, f, nullptr, 0, canStream(at), sums ? sums + panel : nullptr}, nullptr, 0);
                 }
               });
    _mm_sfence();
  });
  parallelFor(inputParts.parts(), 1, [&](int64_t begin, int64_t end) {
    for (int64_t part = begin; part < end; ++part)
      multiply(input, inputParts, part, rooms[part], firstPiece(following, backParts, part), to.dx, d,
               [](int64_t, int64_t, int64_t, float*, int64_t) {});
  });
  parallelFor(chunksBetween, 1, [&](int64_t begin, int64_t end) {
    Arena::Scope own;
    auto* const words = own.take<float>(pairs * kChunk);
    auto* const held = own.take<float>(kChunk * kColumns);
    auto* const places = own.take<const char*>(2 * rows);
    for (int64_t chunk = begin; chunk < end; ++chunk) {
      const int64_t first = chunk * kChunk, count = std::min(kChunk, f - first);
      for (int64_t i = 0; i < rows; i += 2) {
        const uint16_t *const upper = hidden + i * f + first, *const lower = i + 1 < rows ? upper + f : nullptr;
        for (int64_t j = 0; j < count; j += 2 * kLanes)
          paired.put(loadPairs(upper + j), lower ? loadPairs(lower + j) : Vec{}, words + i / 2 * kChunk + j);
      }
      // The columns after these.
      const int64_t lines = chunk + 1 < end ? 2 * rows : 0;
      for (int64_t i = 0; i < lines; ++i)
        places[i] = reinterpret_cast<const char*>(hidden + i / 2 * f + first + kChunk + i % 2 * 2 * 32);
      const int64_t tiles = tilesOf(count), perTile = lines / (tiles * panelsIn);
      for (int64_t panel = 0; panel < panelsIn; ++panel) {
        float* const at = to.dW2 + first * d + panel * kColumns;
        multiplyGradient(rows, count, words, dyPanels + panel * pairs * kColumns, held,
                         {at, d, nullptr, 0, canStream(at), sums ? sums + panelsBetween + chunk : nullptr},
                         places + panel * tiles * perTile, perTile);
      }
    }
    _mm_sfence();
  });
  if (!to.squares) return;
  addTo(to.squares, sums, panelsBetween);
  addTo(to.squares + 1, sums + panelsBetween, chunksBetween);
}

}  // namespace scmoe

#else

namespace scmoe {

bool tilesExpert(int64_t, int64_t, int64_t) { return false; }

TiledExperts::TiledExperts(Arena::Scope&, int64_t d, int64_t f, Activation activation)
    : d_(d), f_(f), activation_(activation), rooms_(nullptr) {
  throw Error("TiledExperts: this build has no tiled products");
}

void TiledExperts::forward(int64_t, const ExpertWeights&, const float*, float*, uint16_t*, uint16_t*,
                           const ExpertWeights&) {}
void TiledExperts::backward(int64_t, const ExpertWeights&, const float*, const float*, const uint16_t*, const uint16_t*,
                            const ExpertWeights&, const ExpertGradients&) {}

}  // namespace scmoe

#endif
