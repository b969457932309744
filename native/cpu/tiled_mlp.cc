#include "cpu/tiled_mlp.h"

#include <algorithm>

#include "core/arena.h"
#include "core/error.h"
#include "cpu/bf16.h"
#include "cpu/column_sums.h"
#include "cpu/hidden_pairs.h"
#include "cpu/linear.h"
#include "cpu/operand_kinds.h"
#include "cpu/paired_rows.h"
#include "cpu/row_parts.h"
#include "cpu/tiled_gemm.h"
#include "cpu/tiled_weight_gradient.h"

namespace scmoe {

#if SCMOE_BF16_PAIRS

namespace {

/// Some rows, from an even one on, of a panel of the hidden layer: `before` has row after row of it, `after` is paired.
struct HiddenPanel {
  int64_t firstRow, rows, column, columns;
  uint16_t* before;
  const PairedPanels<uint16_t>& after;
};

/// Sums (rows, kTiledColumns) with the bias, and activated: both are kept, the latter in rows `f` apart at `next` too,
/// for the next product.
template <Activation A>
void finishHidden(const HiddenPanel& of, const float* bias, float* sums, uint16_t* next, int64_t f) {
  const Activating<A> activating;
  const PairedRows paired;
  const auto make = [&](int64_t i, int64_t j) {
    const Hidden made = activating(bias ? bias + j : nullptr, sums + i * kTiledColumns + j);
    storePast(of.before + i * of.columns + j, made.before);
    storePairs(next + i * f + j, made.after);
    return made.after;
  };
  int64_t i = 0;
  for (; i + 1 < of.rows; i += 2)
    for (int64_t j = 0; j < of.columns; j += 2 * kLanes) {
      const Vec upper = make(i, j), lower = make(i + 1, j);
      uint16_t* const pair = of.after.pair(of.firstRow + i, of.column) + 2 * j;
      storePast(pair, paired.low(upper, lower));
      storePast(pair + 2 * kLanes, paired.high(upper, lower));
    }
  for (int64_t j = 0; i < of.rows && j < of.columns; j += 2 * kLanes)
    storePast(of.after.single(of.column) + j, make(i, j));
}

/// Some rows of a panel of the gradient of the hidden layer.
struct SlopesPanel {
  int64_t rows, columns;
  /// (rows, kTiledColumns)
  const float* behind;
  const uint16_t* before;
  /// What comes next of the latter.
  const uint16_t* following;
};

/// Slopes, rounded to bf16, where both products of them read them: rows of rows16 are `f` apart, `words` are those of a
/// weight's gradient. `sums` of the columns get them added before they are rounded.
template <Activation A>
void finishSlopes(const SlopesPanel& of, float* sums, uint16_t* rows16, int64_t f, float* words) {
  const Sloping<A> sloping;
  const PairedRows paired;
  for (int64_t i = 0; i < of.rows; i += 2, words += kTiledColumns)
    for (int64_t j = 0; j < of.columns; j += 2 * kLanes) {
      Vec first = load(sums + j), second = load(sums + j + kLanes);
      const auto round = [&](int64_t row) {
        const int64_t at = row * of.columns + j;
        __builtin_prefetch(of.following + at, 0, 2);
        const Slopes made = sloping(of.behind + row * kTiledColumns + j, of.before + at);
        first += made.first;
        second += made.second;
        const Vec pairs = made.pairs();
        storePairs(rows16 + row * f + j, pairs);
        return pairs;
      };
      const Vec upper = round(i), lower = i + 1 < of.rows ? round(i + 1) : Vec{};
      store(sums + j, first);
      store(sums + j + kLanes, second);
      paired.put(upper, lower, words + j);
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
  const PairedPanels<uint16_t> after(rows, f, hidden);
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
        finishHidden<chosen.value>({begin, count, j, columns, pre + j * rows + begin * columns, after},
                                   of.b1 ? of.b1 + j : nullptr, block, hidden16 + j, f);
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
        second.multiply(count, dy16, j, block, kTiledColumns);
        const int64_t columns = std::min(kTiledColumns, f - j);
        const uint16_t* const before = pre + j * rows + begin * columns;
        finishSlopes<chosen.value>({count, columns, block, before, before + columns * rows}, dB1.of(part) + j,
                                   slopes16 + j, f, dW1.words(begin, j));
      }
      first.multiply(count, slopes16, to.dx + begin * d);
    });
  });
  dB1.write(to.dB1);
  dB2.write(to.dB2);
  dW2.multiply(PairedPanels<const uint16_t>(rows, f, hidden), to.dW2, to.squares ? to.squares + 1 : nullptr);
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
