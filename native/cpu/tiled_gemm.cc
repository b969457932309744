#include "cpu/tiled_gemm.h"

#include "core/error.h"
#include "cpu/operand_kinds.h"

#if SCMOE_BF16_PAIRS
#include <algorithm>

#include "core/parallel.h"
#include "cpu/fetch.h"
#include "cpu/gemm.h"
#include "cpu/gemm_depths.h"
#include "cpu/squares_of_tile.h"

namespace scmoe {

namespace {

/// Sums of a tile: six rows and four vectors, which leaves registers for the operands.
constexpr int kRows = 6, kVectors = 4;
constexpr int64_t kColumns = kVectors * kLanes;
static_assert(kColumns == kTiledColumns);
static_assert(kTiledRows % kRows == 0);
static_assert(kTiledUnit == 2 * kLanes);

/// Where sums go, past the caches where nobody reads them soon; `squares`, if any, gets the sum of theirs added.
struct Target {
  float* to;
  int64_t stride;
  bool streams;
  double* squares = nullptr;
};

template <typename Kind, int Rows, int Vectors>
[[gnu::noinline]] void tile(int64_t depth, const float* a, int64_t aStride, const float* b, const float* before,
                            int64_t beforeStride, const Target& target) {
  Vec sum[Rows][Vectors];
#pragma GCC unroll 6
  for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) {
      sum[i][v] = Vec{};
      if (!target.streams) __builtin_prefetch(target.to + i * target.stride + v * kLanes, 1);
    }
  for (int64_t p = 0; p < depth; ++p, ++a, b += kColumns) {
    Vec right[Vectors];
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) right[v] = load(b + v * kLanes);
#pragma GCC unroll 6
    for (int i = 0; i < Rows; ++i) {
      const Vec left = Kind::spread(a[i * aStride]);
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) Kind::multiplyAdd(left, right[v], sum[i][v]);
    }
  }
  if (before)
#pragma GCC unroll 6
    for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) sum[i][v] = load(before + i * beforeStride + v * kLanes) + sum[i][v];
  if (target.squares) {
    alignas(64) float all[Rows][Vectors * kLanes];  // a copy: sums whose place is asked for would not be in registers
#pragma GCC unroll 6
    for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) store(all[i] + v * kLanes, sum[i][v]);
    *target.squares += squaresOfTile(all[0], Rows * Vectors);
  }
#pragma GCC unroll 6
  for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) {
      float* const to = target.to + i * target.stride + v * kLanes;
      if (target.streams)
        _mm512_stream_ps(to, reinterpret_cast<__m512>(sum[i][v]));
      else
        store(to, sum[i][v]);
    }
}

using Tile = void (*)(int64_t, const float*, int64_t, const float*, const float*, int64_t, const Target&);

template <typename Kind, int Vectors>
constexpr Tile kTiles[kRows] = {tile<Kind, 1, Vectors>, tile<Kind, 2, Vectors>, tile<Kind, 3, Vectors>,
                                tile<Kind, 4, Vectors>, tile<Kind, 5, Vectors>, tile<Kind, 6, Vectors>};

template <typename Kind>
Tile tileOf(int64_t rows, int64_t vectors) {
  const Tile* const all[] = {kTiles<Kind, 1>, kTiles<Kind, 2>, kTiles<Kind, 3>, kTiles<Kind, 4>};
  return all[vectors - 1][rows - 1];
}

/// Rows (rows, k) of A, `aStride` words apart, times one panel; the rows are cut into tiles of about one size. What is
/// summed piece by piece is kept at `held`, and goes to `target` at the end; with `adds` it is added to what is there.
template <typename Kind>
void multiplyPanel(int64_t rows, int64_t vectors, int64_t k, const float* a, int64_t aStride, const float* panel,
                   float* held, int64_t heldStride, const Target& target, bool adds = false) {
  const int64_t tiles = (rows + kRows - 1) / kRows;
  forLibraryDepths<Kind>(k, [&](int64_t begin, int64_t size) {
    const int64_t from = begin / Kind::kDepths, depth = (size + Kind::kDepths - 1) / Kind::kDepths;
    const bool isLast = begin + size == k;
    for (int64_t t = 0; t < tiles; ++t) {
      const int64_t first = rows * t / tiles, last = rows * (t + 1) / tiles;
      float* const own = held + first * heldStride;
      tileOf<Kind>(last - first, vectors)(
          depth, a + first * aStride + from, aStride, panel + from * kColumns, begin > 0 || adds ? own : nullptr,
          heldStride,
          isLast ? Target{target.to + first * target.stride, target.stride, target.streams, target.squares}
                 : Target{own, heldStride, false});
    }
  });
}

int64_t panelsOf(int64_t columns) { return (columns + kColumns - 1) / kColumns; }
int64_t vectorsFrom(int64_t column, int64_t columns) {
  return std::min<int64_t>(kVectors, (columns - column) / kLanes);
}

/// panel: the columns of `weight` (16 vectors, k) transposed.
template <typename Kind>
void packColumns(int64_t k, int64_t vectors, const float* weight, float* panel) {
  for (int64_t v = 0; v < vectors; ++v, weight += kLanes * k, panel += kLanes)
    for (int64_t p = 0; p < k; p += kLanes * Kind::kDepths) {
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
    for (int64_t panel = first; panel < last; ++panel) {
      const int64_t j = panel * kColumns, vectors = vectorsFrom(j, dIn);
      fetch(weight + j * dOut, vectors * kLanes * dOut);
      packColumns<Kind>(dOut, vectors, weight + j * dOut, panels + panel * depth * kColumns);
    }
  });
}

/// panels: the columns of weight (dIn, dOut), pairs of its rows.
void packPairs(int64_t dIn, int64_t dOut, const float* weight, float* panels) {
  const int64_t depth = (dIn + 1) / 2;
  parallelFor(depth, grainFor(dOut * 16), [&](int64_t first, int64_t last) {
    for (int64_t p = first; p < last; ++p) {
      const float *const upper = weight + 2 * p * dOut, *const lower = upper + dOut;
      const bool isPair = 2 * p + 1 < dIn;
      for (int64_t j = 0; j < dOut; j += kLanes)
        store(panels + (j / kColumns * depth + p) * kColumns + j % kColumns,
              pairUp(load(upper + j), isPair ? load(lower + j) : Vec{}));
    }
  });
}

template <typename Body>
void withKind(bool bf16, const Body& body) {
  if (bf16) return body(Pairs());
  body(Numbers());
}

int64_t depthOf(bool bf16, int64_t k) { return bf16 ? (k + 1) / 2 : k; }

/// Words of the first and of the second sixteen columns of two rows in bf16: each with its upper half from the row
/// below.
class PairedRows {
 public:
  PairedRows() {
    alignas(64) uint16_t places[2][2 * kLanes];
    for (int i = 0; i < 2 * kLanes; ++i)
      for (int half = 0; half < 2; ++half)
        places[half][i] = static_cast<uint16_t>(half * kLanes + i / 2 + i % 2 * 2 * kLanes);
    low_ = _mm512_load_si512(places[0]);
    high_ = _mm512_load_si512(places[1]);
  }
  __m512i low(__m512i upper, __m512i lower) const { return _mm512_permutex2var_epi16(upper, low_, lower); }
  __m512i high(__m512i upper, __m512i lower) const { return _mm512_permutex2var_epi16(upper, high_, lower); }

 private:
  __m512i low_, high_;
};

/// Room beside the words of a row, for rows that are a multiple of 4 KiB apart share their places in the caches.
constexpr int64_t kBeside = kLanes;

int64_t strideOf(int64_t depth) { return (depth + kLanes - 1) / kLanes * kLanes + kBeside; }

/// Whether sizes are such as tiles have, for rows that are more than streamed_gemm.h takes.
bool areTiled(bool bf16, int64_t rows, int64_t dIn, int64_t dOut) {
  constexpr int64_t kFewestRows = 33;
  const int64_t unit = bf16 ? kTiledUnit : kLanes;
  return rows >= kFewestRows && dIn % unit == 0 && dOut % unit == 0 && !usesBlockedGemm();
}

/// to (dIn, depth), rows `stride` apart: words [first, last) of x (rows, dIn) transposed, whole sixteens but for the
/// end, where there are zeros.
template <typename Kind>
void transposeRows(int64_t rows, int64_t dIn, const float* x, int64_t first, int64_t last, float* to, int64_t stride) {
  for (int64_t p = first; p < last; p += kLanes)
    for (int64_t j = 0; j < dIn; j += kLanes) {
      Vec square[kLanes];
      const auto row = [&](int64_t i) { return i < rows ? load(x + i * dIn + j) : Vec{}; };
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i)
        square[i] = Kind::kDepths == 1 ? row(p + i) : pairUp(row(2 * (p + i)), row(2 * (p + i) + 1));
      transposeVectors(square);
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i) store(to + (j + i) * stride + p, square[i]);
    }
}

/// The same of rows in bf16.
template <typename Kind>
void transposeRows(int64_t rows, int64_t dIn, const uint16_t* x, int64_t first, int64_t last, float* to,
                   int64_t stride) {
  const PairedRows pair;
  for (int64_t p = first; p < last; p += kLanes)
    for (int64_t j = 0; j < dIn; j += 2 * kLanes) {
      Vec low[kLanes], high[kLanes];
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i) {
        const auto row = [&](int64_t r) {
          return r < rows ? _mm512_loadu_si512(x + r * dIn + j) : _mm512_setzero_si512();
        };
        const __m512i upper = row(2 * (p + i)), lower = row(2 * (p + i) + 1);
        low[i] = reinterpret_cast<Vec>(pair.low(upper, lower));
        high[i] = reinterpret_cast<Vec>(pair.high(upper, lower));
      }
      transposeVectors(low);
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i) store(to + (j + i) * stride + p, low[i]);
      transposeVectors(high);
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i) store(to + (j + kLanes + i) * stride + p, high[i]);
    }
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
      multiplyPanel<decltype(kind)>(rows, vectorsFrom(j, dIn_), dOut_, dy, depth, panels_ + j * depth, dx + j, dIn_,
                                    {dx + j, dIn_, false}, adds);
  });
}

void TiledInputGradient::multiply(int64_t rows, const uint16_t* dy, float* dx, bool adds) const {
  multiply(rows, reinterpret_cast<const float*>(dy), dx, adds);
}

void TiledInputGradient::multiply(int64_t rows, const uint16_t* dy, int64_t column, float* dx, int64_t stride) const {
  const int64_t depth = depthOf(true, dOut_);
  multiplyPanel<Pairs>(rows, vectorsFrom(column, dIn_), dOut_, reinterpret_cast<const float*>(dy), depth,
                       panels_ + column * depth, dx, stride, {dx, stride, false});
}

void multiplyInOrder(int64_t rows, int64_t vectors, int64_t depth, const float* a, int64_t aStride, const float* panel,
                     const OrderedSums& sums) {
  const int64_t tiles = (rows + kRows - 1) / kRows;
  for (int64_t t = 0; t < tiles; ++t) {
    const int64_t first = rows * t / tiles, last = rows * (t + 1) / tiles;
    const float* const before = sums.before ? sums.before + first * sums.beforeStride : nullptr;
    tileOf<Pairs>(last - first, vectors)(depth, a + first * aStride, aStride, panel, before, sums.beforeStride,
                                         {sums.to + first * sums.stride, sums.stride, sums.streams});
  }
}

TiledForward::TiledForward(Arena::Scope& scope, int64_t dIn, int64_t dOut, const float* weight)
    : dIn_(dIn), dOut_(dOut), panels_(scope.take<float>(panelsOf(dOut) * kColumns * depthOf(true, dIn))) {
  packPairs(dIn, dOut, weight, panels_);
}

void TiledForward::multiply(int64_t rows, const uint16_t* x, int64_t column, float* y, int64_t stride) const {
  const int64_t depth = depthOf(true, dIn_);
  multiplyPanel<Pairs>(rows, vectorsFrom(column, dOut_), dIn_, reinterpret_cast<const float*>(x), depth,
                       panels_ + column * depth, y, stride, {y, stride, false});
}

TiledWeightGradient::TiledWeightGradient(Arena::Scope& scope, bool bf16, int64_t rows, int64_t dIn, int64_t dOut)
    : bf16_(bf16),
      rows_(rows),
      dIn_(dIn),
      dOut_(dOut),
      depth_(depthOf(bf16, rows)),
      panels_(scope.take<float>(panelsOf(dOut) * kColumns * depth_)) {}

void TiledWeightGradient::take(int64_t first, int64_t rows, const float* dy) const {
  for (int64_t i = first; i < first + rows; ++i, dy += dOut_)
    for (int64_t j = 0; j < dOut_; j += kLanes)
      store(panels_ + (j / kColumns * depth_ + i) * kColumns + j % kColumns, load(dy + j));
}

void TiledWeightGradient::take(int64_t first, int64_t rows, const uint16_t* dy) const {
  const PairedRows pair;
  for (int64_t i = 0; i < rows; i += 2, dy += 2 * dOut_)
    for (int64_t j = 0; j < dOut_; j += 2 * kLanes) {
      const __m512i upper = _mm512_loadu_si512(dy + j);
      const __m512i lower = i + 1 < rows ? _mm512_loadu_si512(dy + dOut_ + j) : _mm512_setzero_si512();
      float* const to = panels_ + (j / kColumns * depth_ + (first + i) / 2) * kColumns + j % kColumns;
      _mm512_storeu_si512(to, pair.low(upper, lower));
      _mm512_storeu_si512(to + kLanes, pair.high(upper, lower));
    }
}

TransposedInput::TransposedInput(Arena::Scope& scope, bool bf16, int64_t rows, int64_t dIn, const float* x)
    : depth_(depthOf(bf16, rows)), stride_(strideOf(depth_)), columns_(scope.take<float>(dIn * stride_)) {
  withKind(bf16, [&](auto kind) { take<decltype(kind)>(rows, dIn, x); });
}

TransposedInput::TransposedInput(Arena::Scope& scope, int64_t rows, int64_t dIn, const uint16_t* x)
    : depth_(depthOf(true, rows)), stride_(strideOf(depth_)), columns_(scope.take<float>(dIn * stride_)) {
  take<Pairs>(rows, dIn, x);
}

template <typename Kind, typename X>
void TransposedInput::take(int64_t rows, int64_t dIn, const X* x) {
  parallelFor((depth_ + kLanes - 1) / kLanes, grainFor(dIn * kLanes * Kind::kDepths * 8),
              [&](int64_t first, int64_t last) {
                transposeRows<Kind>(rows, dIn, x, first * kLanes, last * kLanes, columns_, stride_);
              });
}

void TiledWeightGradient::multiply(const float* x, float* dWeight, double* squares) const {
  Arena::Scope scope;
  multiply(TransposedInput(scope, bf16_, rows_, dIn_, x), dWeight, squares);
}

void TiledWeightGradient::multiply(const uint16_t* x, float* dWeight, double* squares) const {
  Arena::Scope scope;
  multiply(TransposedInput(scope, rows_, dIn_, x), dWeight, squares);
}

void TiledWeightGradient::multiply(const TransposedInput& x, float* dWeight, double* squares) const {
  Arena::Scope scope;
  const bool streams = reinterpret_cast<uintptr_t>(dWeight) % 64 == 0;
  // Rows of the gradient for one panel after the other, so that a panel stays near.
  const int64_t blocks = (dIn_ + kTiledRows - 1) / kTiledRows, items = panelsOf(dOut_) * blocks;
  double* const sums = squares ? scope.take<double>(items) : nullptr;
  if (sums) std::fill(sums, sums + items, 0.0);
  withKind(bf16_, [&](auto kind) {
    using Kind = decltype(kind);
    parallelFor(items, 1, [&](int64_t begin, int64_t end) {
      alignas(64) float held[kTiledRows * kColumns];
      for (int64_t item = begin; item < end; ++item) {
        const int64_t j = item / blocks * kColumns, i = item % blocks * kTiledRows;
        multiplyPanel<Kind>(std::min(kTiledRows, dIn_ - i), vectorsFrom(j, dOut_), rows_, x.row(i), x.stride(),
                            panels_ + j * depth_, held, kColumns,
                            {dWeight + i * dOut_ + j, dOut_, streams, sums ? sums + item : nullptr});
      }
      _mm_sfence();
    });
  });
  if (sums)
    for (int64_t item = 0; item < items; ++item) *squares += sums[item];
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

TiledWeightGradient::TiledWeightGradient(Arena::Scope&, bool bf16, int64_t rows, int64_t dIn, int64_t dOut)
    : bf16_(bf16), rows_(rows), dIn_(dIn), dOut_(dOut), depth_(0), panels_(nullptr) {
  throw Error("TiledWeightGradient: this build has no tiled products");
}

void TiledWeightGradient::take(int64_t, int64_t, const float*) const {}
void TiledWeightGradient::take(int64_t, int64_t, const uint16_t*) const {}
void TiledWeightGradient::multiply(const float*, float*, double*) const {}
void TiledWeightGradient::multiply(const uint16_t*, float*, double*) const {}
void TiledWeightGradient::multiply(const TransposedInput&, float*, double*) const {}

TransposedInput::TransposedInput(Arena::Scope&, bool, int64_t, int64_t, const float*)
    : depth_(0), stride_(0), columns_(nullptr) {
  throw Error("TransposedInput: this build has no tiled products");
}

TransposedInput::TransposedInput(Arena::Scope&, int64_t, int64_t, const uint16_t*)
    : depth_(0), stride_(0), columns_(nullptr) {
  throw Error("TransposedInput: this build has no tiled products");
}

}  // namespace scmoe

#endif
