#include "cpu/tiled_gemm.h"

#include "core/error.h"
#include "cpu/operand_kinds.h"

#if SCMOE_BF16_PAIRS
#include <algorithm>

#include "core/parallel.h"
#include "cpu/fetch.h"
#include "cpu/gemm.h"
#include "cpu/paired_blocks.h"
#include "cpu/panel_product.h"

namespace scmoe {

using namespace panels;

namespace {

/// panel: the columns of `weight` (16 vectors, k) transposed. Meanwhile numbers [next, end) are asked for.
template <typename Kind>
void packColumns(int64_t k, int64_t vectors, const float* weight, float* panel, const float* next, const float* end) {
  constexpr int64_t kNumbers = kLanes * kLanes * Kind::kDepths;
  for (int64_t v = 0; v < vectors; ++v, weight += kLanes * k, panel += kLanes)
    for (int64_t p = 0; p < k; p += kLanes * Kind::kDepths) {
      for (const float* const stop = std::min(next + kNumbers, end); next < stop; next += kLanes)
        __builtin_prefetch(next, 0, 2);
      Vec square[kLanes];
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i)
        square[i] = Kind::kDepths == 1 ? load(weight + i * k + p) : pairsOf(weight + i * k + p);
      transposeVectors(square);
      float* const to = panel + p / Kind::kDepths * kColumns;
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i) store(to + i * kColumns, square[i]);
    }
}

/// panels: the columns of weight^T, of weight (dIn, dOut).
template <typename Kind>
void pack(int64_t dIn, int64_t dOut, const float* weight, float* panels) {
  const int64_t depth = dOut / Kind::kDepths;
  parallelFor(panelsOf(dIn), grainFor(dOut * kColumns * 8), [&](int64_t first, int64_t last) {
    const float* const end = weight + std::min(last * kColumns, dIn) * dOut;
    for (int64_t panel = first; panel < last; ++panel) {
      const int64_t j = panel * kColumns, vectors = vectorsFrom(j, dIn);
      const float *const rows = weight + j * dOut, *const next = rows + vectors * kLanes * dOut;
      if (panel == first) fetch(rows, next - rows);
      packColumns<Kind>(dOut, vectors, rows, panels + panel * depth * kColumns, next, end);
    }
  });
}

/// Whether sizes are such as tiles have, for rows that are more than streamed_gemm.h takes.
bool areTiled(bool bf16, int64_t rows, int64_t dIn, int64_t dOut) {
  constexpr int64_t kFewestRows = 33;
  const int64_t unit = bf16 ? kTiledUnit : kLanes;
  return rows >= kFewestRows && dIn % unit == 0 && dOut % unit == 0 && !usesBlockedGemm();
}

}  // namespace

bool tilesGradients(bool bf16, int64_t rows, int64_t dIn, int64_t dOut) {
  // Below that what is brought into order is not used often enough; measured on layers of 96 x 512 to 512 x 2048.
  constexpr int64_t kSmallest = 1 << 17;
  return dIn * dOut >= kSmallest && areTiled(bf16, rows, dIn, dOut);
}

bool tilesInputGradient(bool bf16, int64_t rows, int64_t dIn, int64_t dOut) {
  // Measured on layers of 64 x 64 to 128 x 512.
  constexpr int64_t kSmallest = 1 << 12;
  return !bf16 && dIn * dOut >= kSmallest && areTiled(bf16, rows, dIn, dOut);
}

TiledInputGradient::TiledInputGradient(Arena::Scope& scope, bool bf16, int64_t dIn, int64_t dOut, const float* weight)
    : bf16_(bf16), dIn_(dIn), dOut_(dOut), panels_(scope.take<float>(panelsOf(dIn) * kColumns * depthOf(bf16, dOut))) {
  withKind(bf16, [&](auto kind) { pack<decltype(kind)>(dIn, dOut, weight, panels_); });
}

void TiledInputGradient::multiply(int64_t rows, const float* dy, float* dx, bool adds) const {
  const int64_t depth = depthOf(bf16_, dOut_);
  withKind(bf16_, [&](auto kind) {
    for (int64_t j = 0; j < dIn_; j += kColumns)
      multiplyPanel<decltype(kind)>(rows, vectorsFrom(j, dIn_), dOut_, Left<LeftOrder::kRows>{dy, depth},
                                    panels_ + j * depth, dx + j, dIn_, {dx + j, dIn_}, adds);
  });
}

void TiledInputGradient::multiply(int64_t rows, const uint16_t* dy, float* dx, bool adds) const {
  multiply(rows, reinterpret_cast<const float*>(dy), dx, adds);
}

void TiledInputGradient::multiply(int64_t rows, const uint16_t* dy, int64_t column, float* dx, int64_t stride) const {
  const int64_t depth = depthOf(true, dOut_);
  multiplyPanel<Pairs>(rows, vectorsFrom(column, dIn_), dOut_,
                       Left<LeftOrder::kRows>{reinterpret_cast<const float*>(dy), depth}, panels_ + column * depth, dx,
                       stride, {dx, stride});
}

void multiplyInOrder(int64_t rows, int64_t vectors, int64_t depth, const float* a, int64_t aStride, const float* panel,
                     const TileSums& sums) {
  for (int64_t t = 0; t < tilesOf(rows); ++t) {
    const int64_t first = firstRow(rows, t), last = firstRow(rows, t + 1);
    tileOf<Pairs, LeftOrder::kRows>(last - first, vectors)(depth, a + first * aStride, aStride, panel,
                                                           sums.from(first));
  }
}

TiledForward::TiledForward(Arena::Scope& scope, int64_t dIn, int64_t dOut, const float* weight)
    : dIn_(dIn), dOut_(dOut), panels_(scope.take<float>(panelsOf(dOut) * kColumns * depthOf(true, dIn))) {
  parallelFor((dIn + 1) / 2, grainFor(dOut * 16),
              [&](int64_t first, int64_t last) { pairPanels<kColumns>(dIn, dOut, weight, first, last, panels_); });
}

void TiledForward::multiply(int64_t rows, const uint16_t* x, int64_t column, float* y, int64_t stride) const {
  const int64_t depth = depthOf(true, dIn_);
  multiplyPanel<Pairs>(rows, vectorsFrom(column, dOut_), dIn_,
                       Left<LeftOrder::kRows>{reinterpret_cast<const float*>(x), depth}, panels_ + column * depth, y,
                       stride, {y, stride});
}

}  // namespace scmoe

#else

namespace scmoe {

bool tilesGradients(bool, int64_t, int64_t, int64_t) { return false; }
bool tilesInputGradient(bool, int64_t, int64_t, int64_t) { return false; }

TiledInputGradient::TiledInputGradient(Arena::Scope&, bool bf16, int64_t dIn, int64_t dOut, const float*)
    : bf16_(bf16), dIn_(dIn), dOut_(dOut), panels_(nullptr) {
  throw Error("TiledInputGradient: this build has no tiled products");
}

void TiledInputGradient::multiply(int64_t, const float*, float*, bool) const {}
void TiledInputGradient::multiply(int64_t, const uint16_t*, float*, bool) const {}
void TiledInputGradient::multiply(int64_t, const uint16_t*, int64_t, float*, int64_t) const {}

TiledForward::TiledForward(Arena::Scope&, int64_t dIn, int64_t dOut, const float*)
    : dIn_(dIn), dOut_(dOut), panels_(nullptr) {
  throw Error("TiledForward: this build has no tiled products");
}

void TiledForward::multiply(int64_t, const uint16_t*, int64_t, float*, int64_t) const {}

}  // namespace scmoe

#endif
