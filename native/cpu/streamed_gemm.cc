#include "cpu/streamed_gemm.h"

#include "core/error.h"

#include "cpu/operand_kinds.h"

#if SCMOE_BF16_PAIRS
#include <algorithm>

#include "core/arena.h"
#include "core/parallel.h"
#include "cpu/fetch.h"
#include "cpu/gemm.h"
#include "cpu/gemm_depths.h"
#include "cpu/squares_of_tile.h"

namespace scmoe {

namespace {

/// Sums of a tile: eight rows and three vectors, which leaves registers for the operands.
constexpr int kRows = 8, kVectors = 3;
constexpr int64_t kColumns = kVectors * kLanes;

/// Rows of op(A): element (i, p) at first[i * row + p * depth].
struct Left {
  const float* first;
  int64_t row, depth;

  Left below(int64_t rows) const { return {first + rows * row, row, depth}; }
};

/// What becomes of sums: they are written, added, or written past the caches, which have no use for so much.
enum class Onto { kNothing, kSum, kMemory };

template <typename Kind, int Rows, int Vectors>
void tile(int64_t depth, Left a, const float* b, int64_t ldb, Onto onto, float* c, int64_t ldc, Asking& asking,
          double* squares) {
  Vec sum[Rows][Vectors];
#pragma GCC unroll 8
  for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 3
    for (int v = 0; v < Vectors; ++v) sum[i][v] = Vec{};
  Asking ask = asking;  // in registers
  for (int64_t p = 0; p < depth; ++p, a.first += a.depth, b += ldb) {
    ask.step();
    Vec right[Vectors];
#pragma GCC unroll 3
    for (int v = 0; v < Vectors; ++v) {
      right[v] = load(b + v * kLanes);
      Kind::hold(right[v]);
    }
#pragma GCC unroll 8
    for (int i = 0; i < Rows; ++i) {
      const Vec left = Kind::spread(a.first[i * a.row]);
#pragma GCC unroll 3
      for (int v = 0; v < Vectors; ++v) Kind::multiplyAdd(left, right[v], sum[i][v]);
    }
  }
  asking = ask;
  if (squares != nullptr) {
    alignas(64) float all[Rows][Vectors * kLanes];
#pragma GCC unroll 8
    for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 3
      for (int v = 0; v < Vectors; ++v) store(all[i] + v * kLanes, sum[i][v]);
    *squares += squaresOfTile(all[0], Rows * Vectors);
  }
#pragma GCC unroll 8
  for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 3
    for (int v = 0; v < Vectors; ++v) {
      float* const to = c + i * ldc + v * kLanes;
      if (onto == Onto::kMemory)
        _mm512_stream_ps(to, reinterpret_cast<__m512>(sum[i][v]));
      else
        store(to, onto == Onto::kSum ? load(to) + sum[i][v] : sum[i][v]);
    }
}

using Tile = void (*)(int64_t, Left, const float*, int64_t, Onto, float*, int64_t, Asking&, double*);

template <typename Kind, int Vectors>
constexpr Tile kTiles[kRows] = {tile<Kind, 1, Vectors>, tile<Kind, 2, Vectors>, tile<Kind, 3, Vectors>,
                                tile<Kind, 4, Vectors>, tile<Kind, 5, Vectors>, tile<Kind, 6, Vectors>,
                                tile<Kind, 7, Vectors>, tile<Kind, 8, Vectors>};

template <typename Kind>
Tile tileOf(int64_t rows, int64_t vectors) {
  const Tile* const all = vectors == 1 ? kTiles<Kind, 1> : vectors == 2 ? kTiles<Kind, 2> : kTiles<Kind, 3>;
  return all[rows - 1];
}

int64_t tilesOf(int64_t rows) { return (rows + kRows - 1) / kRows; }

/// C (rows, vectors * kLanes) of some columns; the rows are cut into tiles of about one size.
template <typename Kind>
void multiplyColumns(int64_t rows, int64_t vectors, int64_t depth, Left a, const float* b, int64_t ldb, Onto onto,
                     float* c, int64_t ldc, Asking& asking) {
  const int64_t tiles = tilesOf(rows);
  for (int64_t t = 0; t < tiles; ++t) {
    const int64_t first = rows * t / tiles, last = rows * (t + 1) / tiles;
    tileOf<Kind>(last - first, vectors)(depth, a.below(first), b, ldb, onto, c + first * ldc, ldc, asking, nullptr);
  }
}

/// to (panels, k / 2, kColumns): pairs of rows of `weight`.
void packPairs(int64_t k, int64_t columns, const float* weight, int64_t stride, float* to) {
  const int64_t panel = k / 2 * kColumns;
  for (int64_t p = 0; p < k; p += 2, weight += 2 * stride, to += kColumns)
    for (int64_t j = 0; j < columns; j += kColumns)
      for (int64_t q = j; q < std::min(j + kColumns, columns); q += kLanes)
        store(to + j / kColumns * panel + q - j, pairUp(load(weight + q), load(weight + stride + q)));
}

/// to (k / Kind::kDepths, kColumns): rows of `weight` as columns.
template <typename Kind>
void packTransposed(int64_t k, int64_t vectors, const float* weight, int64_t stride, float* to) {
  for (int64_t v = 0; v < vectors; ++v, weight += kLanes * stride, to += kLanes)
    for (int64_t p = 0; p < k; p += kLanes * Kind::kDepths) {
      float* const square = to + p / Kind::kDepths * kColumns;
      if (Kind::kDepths == 1) {
        transposeSquare(weight + p, stride, square, kColumns);
        continue;
      }
      alignas(64) float pairs[kLanes * kLanes];
      for (int64_t i = 0; i < kLanes; ++i) store(pairs + i * kLanes, pairsOf(weight + i * stride + p));
      transposeSquare(pairs, kLanes, square, kColumns);
    }
}

/// Calls body(first, last) for columns shared out over the team, whole panels each.
template <typename Body>
void shareColumns(int64_t columns, int64_t work, const Body& body) {
  constexpr int64_t kWork = 1 << 17;
  parallelFor((columns + kColumns - 1) / kColumns, kWork / (work * kColumns) + 1,
              [&](int64_t begin, int64_t end) { body(begin * kColumns, std::min(end * kColumns, columns)); });
}

int64_t vectorsIn(int64_t columns) { return std::min<int64_t>(kVectors, columns / kLanes); }

/// bf16 rows as they lie, seen as pairs.
const float* pairsIn(const uint16_t* rows) { return reinterpret_cast<const float*>(rows); }

template <typename Kind>
void forward(int64_t rows, int64_t dIn, int64_t dOut, const float* x, const float* weight, float* y,
             WeightAhead* ahead) {
  constexpr bool isPairs = Kind::kDepths == 2;
  const int64_t depth = dIn / Kind::kDepths;
  shareColumns(dOut, rows * dIn, [&](int64_t first, int64_t last) {
    Arena::Scope scope;
    if (!isNear(ahead, weight))
      for (int64_t p = 0; p < dIn; ++p) fetch(weight + p * dOut + first, last - first);
    const PartAhead part(ahead, dIn * dOut, first, last, dOut);
    Asking asking(part.from, part.count, (last - first + kColumns - 1) / kColumns * tilesOf(rows) * depth);
    float* packed = nullptr;
    if (isPairs) {
      packed = scope.take<float>((last - first + kColumns - 1) / kColumns * kColumns * depth);
      packPairs(dIn, last - first, weight + first, dOut, packed);
    }
    const int64_t ldb = isPairs ? kColumns : dOut;
    for (int64_t j = first; j < last; j += kColumns) {
      const float* const b = isPairs ? packed + (j - first) * depth : weight + j;
      forLibraryDepths<Kind>(dIn, [&](int64_t begin, int64_t size) {
        const int64_t from = begin / Kind::kDepths;
        multiplyColumns<Kind>(rows, vectorsIn(last - j), size / Kind::kDepths, {x + from, depth, 1}, b + from * ldb,
                              ldb, begin > 0 ? Onto::kSum : Onto::kNothing, y + j, dOut, asking);
      });
    }
  });
  tell(ahead, dIn * dOut);
}

template <typename Kind>
void inputGradient(int64_t rows, int64_t dIn, int64_t dOut, const float* dy, const float* weight, float* dx,
                   const WeightAhead* ahead) {
  const int64_t depth = dOut / Kind::kDepths;
  const bool near = isNear(ahead, weight);
  shareColumns(dIn, rows * dOut, [&](int64_t first, int64_t last) {
    Arena::Scope scope;
    auto* const packed = scope.take<float>(depth * kColumns);
    for (int64_t j = first; j < last; j += kColumns) {
      const int64_t vectors = vectorsIn(last - j);
      const float* const panel = weight + j * dOut;
      if (!near && j == first) fetch(panel, vectors * kLanes * dOut);
      const int64_t next = near ? 0 : vectorsIn(last - std::min(j + kColumns, last)) * kLanes;
      Asking asking(next == 0 ? nullptr : panel + kColumns * dOut, next * dOut, tilesOf(rows) * depth);
      packTransposed<Kind>(dOut, vectors, panel, dOut, packed);
      forLibraryDepths<Kind>(dOut, [&](int64_t begin, int64_t size) {
        const int64_t from = begin / Kind::kDepths;
        multiplyColumns<Kind>(rows, vectors, size / Kind::kDepths, {dy + from, depth, 1}, packed + from * kColumns,
                              kColumns, begin > 0 ? Onto::kSum : Onto::kNothing, dx + j, dIn, asking);
      });
    }
  });
}

/// x (depth, dIn) and dy (depth, dOut) of numbers, or of pairs of two rows.
template <typename Kind>
void weightGradient(int64_t depth, int64_t dIn, int64_t dOut, const float* x, const float* dy, float* dWeight,
                    double* squares, WeightAhead* ahead) {
  constexpr int64_t kWork = 1 << 17;
  const Onto onto = reinterpret_cast<uintptr_t>(dWeight) % 64 == 0 ? Onto::kMemory : Onto::kNothing;
  const int64_t blocks = tilesOf(dIn);
  Arena::Scope scope;
  double* const sums = squares == nullptr ? nullptr : scope.take<double>(blocks);
  parallelFor(blocks, kWork / (kRows * dOut * depth) + 1, [&](int64_t begin, int64_t end) {
    const PartAhead part(ahead, dIn * dOut, begin, end, blocks);
    Asking asking(part.from, part.count, (end - begin) * ((dOut + kColumns - 1) / kColumns) * depth);
    for (int64_t block = begin; block < end; ++block) {
      const int64_t i = block * kRows, rows = std::min<int64_t>(kRows, dIn - i);
      if (sums != nullptr) sums[block] = 0;
      for (int64_t j = 0; j < dOut; j += kColumns)
        tileOf<Kind>(rows, vectorsIn(dOut - j))(depth, {x + i, 1, dIn}, dy + j, dOut, onto, dWeight + i * dOut + j,
                                                dOut, asking, sums == nullptr ? nullptr : sums + block);
    }
    _mm_sfence();
  });
  // In the order of the rows, whoever has added up which.
  for (int64_t block = 0; sums != nullptr && block < blocks; ++block) *squares += sums[block];
  tell(ahead, dIn * dOut);
}

/// to (ceil(rows / 2), columns) of 32 bits: two rows of bf16 side by side, and zeros behind the last.
const float* pairRows(int64_t rows, int64_t columns, const uint16_t* from, Arena::Scope& scope) {
  auto* const to = scope.take<uint32_t>((rows + 1) / 2 * columns);
  for (int64_t p = 0; p < rows; p += 2) {
    const uint16_t *const first = from + p * columns, *const second = first + columns;
    uint32_t* const pairs = to + p / 2 * columns;
    if (p + 1 < rows)
      for (int64_t j = 0; j < columns; ++j) pairs[j] = first[j] | static_cast<uint32_t>(second[j]) << 16;
    else
      for (int64_t j = 0; j < columns; ++j) pairs[j] = first[j];
  }
  return reinterpret_cast<const float*>(to);
}

}  // namespace

bool streamsGemm(LayerProduct product, bool bf16, int64_t rows, int64_t dIn, int64_t dOut) {
  // Measured on layers of 192 x 384 to 1024 x 4096.
  struct {
    int64_t fewest, most;
  } fits{};
  switch (product) {
    case LayerProduct::kForward: fits = {4, bf16 ? 16 : 24}; break;
    case LayerProduct::kInputGradient: fits = {bf16 ? 1 : 8, 32}; break;
    case LayerProduct::kWeightGradient: fits = {1, 24}; break;
  }
  const int64_t unit = bf16 ? 2 * kLanes : kLanes;
  return rows >= fits.fewest && rows <= fits.most && dIn > 0 && dOut > 0 && dIn % unit == 0 && dOut % unit == 0 &&
         !usesBlockedGemm();
}

void streamedForward(int64_t rows, int64_t dIn, int64_t dOut, const float* x, const float* weight, float* y,
                     WeightAhead* ahead) {
  forward<Numbers>(rows, dIn, dOut, x, weight, y, ahead);
}

void streamedForward(int64_t rows, int64_t dIn, int64_t dOut, const uint16_t* x, const float* weight, float* y,
                     WeightAhead* ahead) {
  forward<Pairs>(rows, dIn, dOut, pairsIn(x), weight, y, ahead);
}

void streamedInputGradient(int64_t rows, int64_t dIn, int64_t dOut, const float* dy, const float* weight, float* dx,
                           const WeightAhead* ahead) {
  inputGradient<Numbers>(rows, dIn, dOut, dy, weight, dx, ahead);
}

void streamedInputGradient(int64_t rows, int64_t dIn, int64_t dOut, const uint16_t* dy, const float* weight, float* dx,
                           const WeightAhead* ahead) {
  inputGradient<Pairs>(rows, dIn, dOut, pairsIn(dy), weight, dx, ahead);
}

void streamedWeightGradient(int64_t rows, int64_t dIn, int64_t dOut, const float* x, const float* dy, float* dWeight,
                            double* squares, WeightAhead* ahead) {
  weightGradient<Numbers>(rows, dIn, dOut, x, dy, dWeight, squares, ahead);
}

void streamedWeightGradient(int64_t rows, int64_t dIn, int64_t dOut, const uint16_t* x, const uint16_t* dy,
                            float* dWeight, double* squares, WeightAhead* ahead) {
  Arena::Scope scope;
  weightGradient<Pairs>((rows + 1) / 2, dIn, dOut, pairRows(rows, dIn, x, scope), pairRows(rows, dOut, dy, scope),
                        dWeight, squares, ahead);
}

}  // namespace scmoe

#else

namespace scmoe {

namespace {

[[noreturn]] void fail() { throw Error("streamed products: this build has none"); }

}  // namespace

bool streamsGemm(LayerProduct, bool, int64_t, int64_t, int64_t) { return false; }

void streamedForward(int64_t, int64_t, int64_t, const float*, const float*, float*, WeightAhead*) { fail(); }
void streamedInputGradient(int64_t, int64_t, int64_t, const float*, const float*, float*, const WeightAhead*) {
  fail();
}
void streamedWeightGradient(int64_t, int64_t, int64_t, const float*, const float*, float*, double*, WeightAhead*) {
  fail();
}
void streamedForward(int64_t, int64_t, int64_t, const uint16_t*, const float*, float*, WeightAhead*) { fail(); }
void streamedInputGradient(int64_t, int64_t, int64_t, const uint16_t*, const float*, float*, const WeightAhead*) {
  fail();
}
void streamedWeightGradient(int64_t, int64_t, int64_t, const uint16_t*, const uint16_t*, float*, double*,
                            WeightAhead*) {
  fail();
}

}  // namespace scmoe

#endif
