#include "cpu/tiled_mlp.h"

#include <algorithm>

#include "core/arena.h"
#include "core/error.h"
#include "core/parallel.h"
#include "cpu/activation_rows.h"
#include "cpu/bf16.h"
#include "cpu/linear.h"
#include "cpu/operand_kinds.h"
#include "cpu/tiled_gemm.h"

namespace scmoe {

#if SCMOE_BF16_PAIRS

namespace {

/// Rows that are worth another thread.
constexpr int64_t kFewestRows = 32;

/// Blocks of at most kTiledRows rows in as many parts as there are threads: body(part, first, count). Borders are even,
/// for pairs of rows are one thread's.
struct RowParts {
  explicit RowParts(int64_t count)
      : rows(count), parts(std::max<int64_t>(1, std::min<int64_t>(threads(), count / kFewestRows))) {}

  template <typename Body>
  void forBlocks(const Body& body) const {
    parallelFor(parts, 1, [&](int64_t firstPart, int64_t lastPart) {
      for (int64_t part = firstPart; part < lastPart; ++part) {
        const int64_t end = border(part + 1);
        for (int64_t first = border(part); first < end; first += kTiledRows)
          body(part, first, std::min(kTiledRows, end - first));
      }
    });
  }

  int64_t border(int64_t part) const { return part == parts ? rows : rows * part / parts / 2 * 2; }

  const int64_t rows, parts;
};

/// Sums of columns, those of each part by themselves.
class ColumnSums {
 public:
  ColumnSums(Arena::Scope& scope, int64_t parts, int64_t columns)
      : parts_(parts), columns_(columns), sums_(scope.take<float>(parts * columns)) {
    std::fill(sums_, sums_ + parts * columns, 0.0f);
  }
  float* of(int64_t part) const { return sums_ + part * columns_; }
  void add(int64_t part, int64_t count, const float* row) const {
    float* const to = of(part);
#pragma omp simd
    for (int64_t j = 0; j < count; ++j) to[j] += row[j];
  }
  /// In the order of the parts: the result repeats.
  void write(float* to) const {
    std::copy(sums_, sums_ + columns_, to);
    for (int64_t part = 1; part < parts_; ++part)
      for (int64_t j = 0; j < columns_; ++j) to[j] += sums_[part * columns_ + j];
  }

 private:
  const int64_t parts_, columns_;
  float* const sums_;
};

// Masked, for gcc 12 warns of what plain ones leave open.
Vec half(const uint16_t* from, int which) {
  const __m256i words = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + which * kLanes));
  return reinterpret_cast<Vec>(_mm512_maskz_slli_epi32(0xffff, _mm512_maskz_cvtepu16_epi32(0xffff, words), 16));
}

/// Past the caches where `to` allows it: nobody reads it soon, and lines that are written as a whole need not be
/// fetched first.
void storePast(uint16_t* to, Vec pairs) {
  if (reinterpret_cast<uintptr_t>(to) % 64 == 0)
    _mm512_stream_ps(reinterpret_cast<float*>(to), reinterpret_cast<__m512>(pairs));
  else
    store(reinterpret_cast<float*>(to), pairs);
}

/// A row's sums with the bias, and activated: both are kept in bf16, the latter at `next` too, for the next product. A
/// multiple of 2 * kLanes columns, as below.
template <Activation A>
void finishHidden(int64_t columns, const float* bias, float* sums, uint16_t* pre, uint16_t* hidden, uint16_t* next) {
  const auto keep = [&](int64_t j, Vec first, Vec second) {
    const Vec pairs = pairsAlong(first, second);
    storePast(hidden + j, pairs);
    store(reinterpret_cast<float*>(next + j), pairs);
  };
  if constexpr (A == Activation::kGelu) {
    const OddTable::Loaded normal = normalTable().load();
    for (int64_t j = 0; j < columns; j += 2 * kLanes) {
      Vec first = load(sums + j), second = load(sums + j + kLanes);
      if (bias) {
        first += load(bias + j);
        second += load(bias + j + kLanes);
      }
      storePast(pre + j, pairsAlong(first, second));
      keep(j, normal(first, first), normal(second, second));
    }
  } else {
    alignas(64) float after[kTiledColumns];
    activateRow<A>(columns, bias, sums, after);
    for (int64_t j = 0; j < columns; j += 2 * kLanes) {
      storePast(pre + j, pairsOf(sums + j));
      keep(j, load(after + j), load(after + j + kLanes));
    }
  }
}

/// slopes: a row of the gradient behind the activation times its slope at `pre`, in bf16. `sums` gets them added before
/// they are rounded.
template <Activation A>
void finishSlopes(int64_t columns, float* dy, const uint16_t* pre, float* sums, uint16_t* slopes) {
  const auto keep = [&](int64_t j, Vec first, Vec second) {
    store(sums + j, load(sums + j) + first);
    store(sums + j + kLanes, load(sums + j + kLanes) + second);
    store(reinterpret_cast<float*>(slopes + j), pairsAlong(first, second));
  };
  if constexpr (A == Activation::kGelu) {
    const OddTable::Loaded table = geluSlopeTable().load();
    const auto slope = [&](Vec value, Vec factor) {
      const Vec result = table(value, factor);
      return value == value ? result : value;  // NaN stays
    };
    for (int64_t j = 0; j < columns; j += 2 * kLanes)
      keep(j, slope(half(pre + j, 0), load(dy + j)), slope(half(pre + j, 1), load(dy + j + kLanes)));
  } else {
    alignas(64) float before[kTiledColumns];
    for (int64_t j = 0; j < columns; j += kLanes) store(before + j, half(pre + j, 0));
    slopeRow<A>(columns, dy, before, dy);
    for (int64_t j = 0; j < columns; j += 2 * kLanes) keep(j, load(dy + j), load(dy + j + kLanes));
  }
}

}  // namespace

#endif

bool tilesMlp(int64_t rows, int64_t d, int64_t f) {
  return tilesGradients(true, rows, d, f) && tilesGradients(true, rows, f, d);
}

#if SCMOE_BF16_PAIRS

void tiledMlpForward(const MlpWeights& of, int64_t rows, const float* x, float* y, uint16_t* pre, uint16_t* hidden) {
  const int64_t d = of.d, f = of.f;
  Arena::Scope scope;
  const TiledForward first(scope, d, f, of.w1), second(scope, f, d, of.w2);
  withActivation(of.activation, [&](auto chosen) {
    RowParts(rows).forBlocks([&](int64_t, int64_t begin, int64_t count) {
      Arena::Scope own;
      auto* const x16 = own.take<uint16_t>(count * d);
      auto* const block = own.take<float>(count * kTiledColumns);
      auto* const hidden16 = own.take<uint16_t>(count * f);
      convertToBf16(x + begin * d, count, d, d, x16);
      for (int64_t j = 0; j < f; j += kTiledColumns) {
        const int64_t columns = std::min(kTiledColumns, f - j);
        first.multiply(count, x16, j, block, kTiledColumns);
        for (int64_t i = 0; i < count; ++i) {
          const int64_t at = (begin + i) * f + j;
          finishHidden<chosen.value>(columns, of.b1 ? of.b1 + j : nullptr, block + i * kTiledColumns, pre + at,
                                     hidden + at, hidden16 + i * f + j);
        }
      }
      float* const to = y + begin * d;
      for (int64_t j = 0; j < d; j += kTiledColumns) second.multiply(count, hidden16, j, to + j, d);
      finishRows(count, d, of.b2, Activation::kNone, to, to);
      _mm_sfence();
    });
  });
}

void tiledMlpBackward(const MlpWeights& of, int64_t rows, const float* dy, const float* x, const uint16_t* pre,
                      const uint16_t* hidden, const MlpGradients& to) {
  const int64_t d = of.d, f = of.f;
  Arena::Scope scope;
  const RowParts parts(rows);
  const TiledInputGradient second(scope, true, f, d, of.w2), first(scope, true, d, f, of.w1);
  const TiledWeightGradient dW2(scope, true, rows, f, d), dW1(scope, true, rows, d, f);
  const ColumnSums dB1(scope, parts.parts, f), dB2(scope, parts.parts, d);
  withActivation(of.activation, [&](auto chosen) {
    parts.forBlocks([&](int64_t part, int64_t begin, int64_t count) {
      Arena::Scope own;
      auto* const dy16 = own.take<uint16_t>(count * d);
      auto* const slopes16 = own.take<uint16_t>(count * f);
      auto* const block = own.take<float>(count * kTiledColumns);
      for (int64_t i = 0; i < count; ++i) dB2.add(part, d, dy + (begin + i) * d);
      convertToBf16(dy + begin * d, count, d, d, dy16);
      dW2.take(begin, count, dy16);
      for (int64_t j = 0; j < f; j += kTiledColumns) {
        const int64_t columns = std::min(kTiledColumns, f - j);
        const int64_t following = std::min(kTiledColumns, f - j - columns);
        second.multiply(count, dy16, j, block, kTiledColumns);
        for (int64_t i = 0; i < count; ++i) {
          const uint16_t* const before = pre + (begin + i) * f + j;
          // The hardware does not foresee the next columns, some lines of each row.
          for (int64_t line = 0; line < following; line += 2 * kLanes)
            __builtin_prefetch(before + columns + line, 0, 2);
          finishSlopes<chosen.value>(columns, block + i * kTiledColumns, before, dB1.of(part) + j,
                                     slopes16 + i * f + j);
        }
      }
      dW1.take(begin, count, slopes16);
      first.multiply(count, slopes16, to.dx + begin * d);
    });
  });
  dB1.write(to.dB1);
  dB2.write(to.dB2);
  dW2.multiply(hidden, to.dW2, to.squares ? to.squares + 1 : nullptr);
  dW1.multiply(x, to.dW1, to.squares);
}

#else

void tiledMlpForward(const MlpWeights&, int64_t, const float*, float*, uint16_t*, uint16_t*) {
  throw Error("tiledMlpForward: this build has no tiled products");
}

void tiledMlpBackward(const MlpWeights&, int64_t, const float*, const float*, const uint16_t*, const uint16_t*,
                      const MlpGradients&) {
  throw Error("tiledMlpBackward: this build has no tiled products");
}

#endif

}  // namespace scmoe
