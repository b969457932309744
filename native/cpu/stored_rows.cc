#include "cpu/stored_rows.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "core/arena.h"
#include "core/parallel.h"
#include "cpu/bf16.h"
#include "cpu/gemm.h"
#include "cpu/gemm_depths.h"
#include "cpu/ordered_product.h"
#include "cpu/row_sweep.h"
#include "cpu/small_product.h"
#include "cpu/weight_panels.h"

#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace scmoe {

namespace {

/// kLanes numbers as integers of 32 bits. gcc 12 takes vectors shorter than a register apart, and warns of the
/// intrinsics without a mask.
#if defined(__AVX512F__)
inline IntVec widened(const uint16_t* from) {
  return (IntVec)_mm512_maskz_cvtepu16_epi32(0xffff, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
}
inline IntVec widened(const int8_t* from) {
  return (IntVec)_mm512_maskz_cvtepi8_epi32(0xffff, _mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
}
#elif defined(__AVX2__)
inline IntVec widened(const uint16_t* from) {
  return (IntVec)_mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
}
inline IntVec widened(const int8_t* from) {
  return (IntVec)_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from)));
}
#elif defined(__aarch64__)
inline IntVec widened(const uint16_t* from) { return (IntVec)vmovl_u16(vld1_u16(from)); }
inline IntVec widened(const int8_t* from) {
  int32_t four;
  std::memcpy(&four, from, sizeof four);
  return (IntVec)vmovl_s16(vget_low_s16(vmovl_s8(vreinterpret_s8_s32(vdup_n_s32(four)))));
}
#else
template <typename Element>
inline IntVec widened(const Element* from) {
  IntVec result{};
  for (int lane = 0; lane < kLanes; ++lane) result[lane] = from[lane];
  return result;
}
#endif

/// Numbers of one panel, kLanes of a row at a time as float32.
struct FloatPanel {
  using Element = float;
  const float* values;
  const float* scales;

  static constexpr bool kHasScales = false;
  static Vec load(const float* from, Vec) { return scmoe::load(from); }
};

struct Bf16Panel {
  using Element = uint16_t;
  const uint16_t* values;
  const float* scales;

  static constexpr bool kHasScales = false;
  static Vec load(const uint16_t* from, Vec) { return (Vec)(widened(from) << 16); }
};

struct Int8Panel {
  using Element = int8_t;
  const int8_t* values;
  const float* scales;

  static constexpr bool kHasScales = true;
  static Vec load(const int8_t* from, Vec scale) { return __builtin_convertvector(widened(from), Vec) * scale; }
};

/// Calls body(panel) with the panel type of a format and the first panel's place.
template <typename Body>
void withPanels(const StoredWeight& weight, const Body& body) {
  switch (weight.format) {
    case WeightFormat::kFloat32: return body(FloatPanel{static_cast<const float*>(weight.values), nullptr});
    case WeightFormat::kBf16: return body(Bf16Panel{static_cast<const uint16_t*>(weight.values), nullptr});
    default: return body(Int8Panel{static_cast<const int8_t*>(weight.values), weight.scales});
  }
}

/// The panel that begins with a column.
template <typename Panel>
Panel panelAt(const Panel& first, int64_t dIn, int64_t column) {
  return {first.values + column * dIn, Panel::kHasScales ? first.scales + column * scaleBlocks(dIn) : nullptr};
}

/// Calls body(first, count) for rows of a weight that share their scales, at most `most` of them: a divisor of that.
template <typename Body>
void forScaleRows(int64_t begin, int64_t size, const Body& body, int64_t most = kScaleRows) {
  for (int64_t p = begin, next; p < begin + size; p = next) {
    next = std::min(p / most * most + most, begin + size);
    body(p, next - p);
  }
}

/// Vectors of columns whose sums stay in registers for some rows of the weight: enough for their multiply-adds to
/// follow each other without waiting, and no more than there are registers.
template <int Rows>
constexpr int kPanelVectors = kLanes == 16             ? (Rows <= 6 ? 4 : 2)
                              : Rows == 1              ? 8
                              : kVectorRegisters >= 32 ? (Rows <= 4 ? 4 : 2)
                              : Rows == 2              ? 4
                              : Rows <= 4              ? 2
                                                       : 1;

/// Whether a piece of a panel is visited so often, for a few columns at a time, that the hardware does not foresee what
/// comes next: pieces are short then, and the first visit asks for what lies behind.
template <int Rows>
constexpr bool kVisitsOften = (kPanelVectors<Rows>)*2 * kLanes < kPanelColumns;
/// Rows of a piece, a divisor of kScaleRows.
template <int Rows>
constexpr int64_t kPieceRows = kVisitsOften<Rows> ? 8 : kScaleRows;

/// sums[i][j] += x(i, p) weight(p, j) for `count` rows p of a panel from `first` on, one after the other, and the
/// columns of `Vectors` vectors from j on.
template <int Rows, int Vectors, typename Panel>
[[gnu::always_inline]] inline void addColumns(const float* x, int64_t dIn, const Panel& panel, int64_t first,
                                              int64_t count, int64_t j, int64_t columns, float (*sums)[kPanelColumns]) {
  Vec sum[Rows][Vectors], scale[Vectors];
#pragma GCC unroll 8
  for (int v = 0; v < Vectors; ++v) {
    scale[v] = Panel::kHasScales ? load(panel.scales + first / kScaleRows * columns + j + v * kLanes) : Vec{};
#pragma GCC unroll 8
    for (int i = 0; i < Rows; ++i) sum[i][v] = load(sums[i] + j + v * kLanes);
  }
  const typename Panel::Element* row = panel.values + first * columns + j;
  for (int64_t p = first; p < first + count; ++p, row += columns) {
    if (kVisitsOften<Rows> && j == 0) {
      constexpr int64_t kLine = 64 / sizeof(typename Panel::Element);
      for (int64_t line = 0; line < kPanelColumns; line += kLine)
        prefetchToSecondLevel(row + kScaleRows * kPanelColumns + line);
    }
    Vec values[Vectors];
#pragma GCC unroll 8
    for (int v = 0; v < Vectors; ++v) {
      values[v] = Panel::load(row + v * kLanes, scale[v]);
    }
#pragma GCC unroll 8
    for (int i = 0; i < Rows; ++i) {
      const Vec factor = broadcast(x[i * dIn + p]);
#pragma GCC unroll 8
      for (int v = 0; v < Vectors; ++v) sum[i][v] += factor * values[v];
    }
  }
#pragma GCC unroll 8
  for (int v = 0; v < Vectors; ++v)
#pragma GCC unroll 8
    for (int i = 0; i < Rows; ++i) store(sums[i] + j + v * kLanes, sum[i][v]);
}

/// Whether addTurnedBytes() multiplies.
template <int Rows, typename Panel>
constexpr bool kTurnsBytes = false;

#if defined(__AVX2__) && !defined(__AVX512F__)

template <>
constexpr bool kTurnsBytes<1, Int8Panel> = true;

/// Four numbers from a place on, and four from sixteen behind it.
inline __m256 loadPair(const float* from) {
  return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(from)), _mm_loadu_ps(from + 16), 1);
}

/// addColumns() for one row and a whole panel of bytes: a shuffle puts each at the top of a word, where it is a number
/// 2^24 times as large, which costs half of what extending it does. With the scale as much smaller the number is the
/// same, bit for bit.
///
/// @return false where it would not be, and nothing is added: a scale that small would leave float32's normal range
inline bool addTurnedBytes(const float* x, const Int8Panel& panel, int64_t first, int64_t count, float* sums) {
  constexpr int64_t kHalf = kPanelColumns / 2;
  const float* const scales = panel.scales + first / kScaleRows * kPanelColumns;
  __m256 small = _mm256_setzero_ps();
  for (int64_t j = 0; j < kPanelColumns; j += kLanes) {
    const __m256 scale = _mm256_loadu_ps(scales + j);
    const __m256 isSmall = _mm256_cmp_ps(scale, _mm256_set1_ps(0x1p-100f), _CMP_LT_OQ);
    small = _mm256_or_ps(small, _mm256_and_ps(isSmall, _mm256_cmp_ps(scale, _mm256_setzero_ps(), _CMP_NEQ_OQ)));
  }
  if (_mm256_movemask_ps(small) != 0) return false;
  // Vector v of a half has its columns 4 v to 4 v + 3, and those sixteen behind.
  __m256i order[4];
  for (int v = 0; v < 4; ++v) {
    const auto byte = [v](int k) { return static_cast<int>(0x00808080u | static_cast<uint32_t>(4 * v + k) << 24); };
    order[v] = _mm256_setr_epi32(byte(0), byte(1), byte(2), byte(3), byte(0), byte(1), byte(2), byte(3));
  }
  for (int64_t j = 0; j < kPanelColumns; j += kHalf) {
    __m256 scale[4], sum[4];
#pragma GCC unroll 4
    for (int v = 0; v < 4; ++v) {
      scale[v] = _mm256_mul_ps(loadPair(scales + j + 4 * v), _mm256_set1_ps(0x1p-24f));
      sum[v] = loadPair(sums + j + 4 * v);
    }
    const int8_t* row = panel.values + first * kPanelColumns + j;
    for (int64_t p = first; p < first + count; ++p, row += kPanelColumns) {
      const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(row));
      const __m256 factor = _mm256_set1_ps(x[p]);
#pragma GCC unroll 4
      for (int v = 0; v < 4; ++v) {
        const __m256 number = _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_shuffle_epi8(bytes, order[v])), scale[v]);
        sum[v] = _mm256_fmadd_ps(factor, number, sum[v]);
      }
    }
#pragma GCC unroll 4
    for (int v = 0; v < 4; ++v) {
      _mm_storeu_ps(sums + j + 4 * v, _mm256_castps256_ps128(sum[v]));
      _mm_storeu_ps(sums + j + 4 * v + 16, _mm256_extractf128_ps(sum[v], 1));
    }
  }
  return true;
}

#endif

/// y (Rows, columns), its rows `dOut` apart, of one panel.
template <int Rows, typename Panel>
void multiplyPanel(const float* x, int64_t dIn, const Panel& panel, int64_t columns, float* y, int64_t dOut) {
  constexpr int64_t kWide = kPanelVectors<Rows> * kLanes;
  alignas(64) float sums[Rows][kPanelColumns];
  forDepths(dIn, [&](int64_t begin, int64_t size) {
    for (int i = 0; i < Rows; ++i) std::fill(sums[i], sums[i] + columns, 0.0f);
    // Of wide rows and few sums a piece of the panel is visited several times, and is in the nearest cache then.
    const auto addPiece = [&](int64_t first, int64_t count) {
      int64_t j = 0;
      if (columns == kPanelColumns) {
        if constexpr (kTurnsBytes<Rows, Panel>)
          if (addTurnedBytes(x, panel, first, count, sums[0])) return;
        for (; j < kPanelColumns; j += kWide)
          addColumns<Rows, kPanelVectors<Rows>>(x, dIn, panel, first, count, j, kPanelColumns, sums);
      }
      for (; j < columns; j += kLanes) addColumns<Rows, 1>(x, dIn, panel, first, count, j, columns, sums);
    };
    forScaleRows(begin, size, addPiece, kPieceRows<Rows>);
    for (int i = 0; i < Rows; ++i)
      for (int64_t j = 0; j < columns; j += kLanes) {
        float* const to = y + i * dOut + j;
        store(to, begin == 0 ? load(sums[i] + j) : load(to) + load(sums[i] + j));
      }
  });
}

/// Rows of a panel from `begin` on as float32.
template <typename Panel>
void widenRows(const Panel& panel, int64_t begin, int64_t size, int64_t columns, float* to) {
  forScaleRows(begin, size, [&](int64_t first, int64_t count) {
    const float* const scales = Panel::kHasScales ? panel.scales + first / kScaleRows * columns : nullptr;
    for (int64_t p = first; p < first + count; ++p, to += columns)
      for (int64_t j = 0; j < columns; j += kLanes)
        store(to + j, Panel::load(panel.values + p * columns + j, Panel::kHasScales ? load(scales + j) : Vec{}));
  });
}

/// Some rows of a panel as float32, in panels of as many columns as tiles of products have, one behind the other.
template <typename Panel>
void orderRows(const Panel& panel, int64_t begin, int64_t size, int64_t columns, float* to) {
  forScaleRows(begin, size, [&](int64_t first, int64_t count) {
    const float* const scales = Panel::kHasScales ? panel.scales + first / kScaleRows * columns : nullptr;
    for (int64_t q = 0; q < columns; q += kOrderedColumns) {
      float* row = to + q * size + (first - begin) * kOrderedColumns;
      for (int64_t p = first; p < first + count; ++p, row += kOrderedColumns)
        for (int64_t j = q; j < std::min(q + kOrderedColumns, columns); j += kLanes)
          store(row + j - q, Panel::load(panel.values + p * columns + j, Panel::kHasScales ? load(scales + j) : Vec{}));
    }
  });
}

/// Any number of rows, where float32 products are our own.
template <typename Panel>
void orderedPanels(int64_t rows, int64_t dIn, int64_t dOut, const float* x, const Panel& panels, float* y) {
  const auto order = [&](int64_t column, int64_t columns, int64_t begin, int64_t depth, float* to) {
    orderRows(panelAt(panels, dIn, column), begin, depth, columns, to);
  };
  const auto bytes = dIn * static_cast<int64_t>(sizeof(*panels.values));
  orderedProduct(rows, x, {dIn, dOut, panels.values, bytes, kPanelColumns, order}, y);
}

/// Calls body(panel, first column, columns) for all panels, on all threads.
template <typename Panel, typename Body>
void forAllPanels(const Panel& panels, int64_t dIn, int64_t dOut, const Body& body) {
  constexpr auto kBytes = static_cast<int64_t>(sizeof(typename Panel::Element));
  parallelFor(panelsOf(dOut), grainFor(dIn * kPanelColumns * kBytes), [&](int64_t begin, int64_t end) {
    for (int64_t column = begin * kPanelColumns; column < std::min(end * kPanelColumns, dOut); column += kPanelColumns)
      body(panelAt(panels, dIn, column), column, std::min(kPanelColumns, dOut - column));
  });
}

}  // namespace

bool hasStoredRows(int64_t rows, int64_t dIn, int64_t dOut) { return rows <= 8 && dIn > 0 && dOut % kLanes == 0; }

void multiplyStoredRows(int64_t rows, int64_t dIn, int64_t dOut, const float* x, const StoredWeight& weight, float* y) {
  withPanels(weight, [&](const auto& panels) {
    forAllPanels(panels, dIn, dOut, [&](const auto& panel, int64_t column, int64_t columns) {
      withRows(rows, [&](auto count) { multiplyPanel<count.value>(x, dIn, panel, columns, y + column, dOut); });
    });
  });
}

bool hasStoredPanels(int64_t dIn, int64_t dOut) { return dIn > 0 && dOut % kLanes == 0; }

void multiplyStoredPanels(int64_t rows, int64_t dIn, int64_t dOut, const float* x, const StoredWeight& weight,
                          float* y) {
  withPanels(weight, [&](const auto& panels) {
    if (usesBlockedGemm()) return orderedPanels(rows, dIn, dOut, x, panels, y);
    constexpr bool isFloat = std::is_same_v<std::decay_t<decltype(panels)>, FloatPanel>;
    forAllPanels(panels, dIn, dOut, [&](const auto& panel, int64_t column, int64_t columns) {
      Arena::Scope scope;
      float* const widened = isFloat ? nullptr : scope.take<float>(kDepth * kPanelColumns);
      forDepths(dIn, [&](int64_t begin, int64_t size) {
        const float* right = widened;
        if constexpr (isFloat)
          right = panel.values + begin * columns;
        else
          widenRows(panel, begin, size, columns, widened);
        const RowByRow left = {x + begin, dIn};
        const int64_t vectors = columns / kLanes;
        if (begin == 0)
          smallProduct<Onto::kNothing>(rows, vectors, size, left, right, columns, y + column, dOut);
        else
          smallProduct<Onto::kSum>(rows, vectors, size, left, right, columns, y + column, dOut);
      });
    });
  });
}

#if SCMOE_BF16_PAIRS

bool hasStoredPairs(int64_t dIn, int64_t dOut, const StoredWeight& weight) {
  return weight.format == WeightFormat::kBf16 && !weight.transposed && dIn > 0 && dIn % 2 == 0 && dOut % kLanes == 0;
}

void multiplyStoredPairs(int64_t rows, int64_t dIn, int64_t dOut, const float* x, const StoredWeight& weight,
                         float* y) {
  Arena::Scope scope;
  auto* const rounded = scope.take<uint16_t>(rows * dIn);
  convertToBf16(x, rows, dIn, dIn, rounded);
  const Bf16Panel panels = {static_cast<const uint16_t*>(weight.values), nullptr};
  forAllPanels(panels, dIn, dOut, [&](const Bf16Panel& panel, int64_t column, int64_t columns) {
    Arena::Scope own;
    auto* const pairs = own.take<float>(kDepth / 2 * kPanelColumns);
    for (int64_t begin = 0; begin < dIn; begin += kDepth) {
      const int64_t depths = std::min(kDepth, dIn - begin) / 2;
      for (int64_t q = 0; q < depths; ++q)
        for (int64_t j = 0; j < columns; j += kLanes) {
          const uint16_t* const first = panel.values + (begin + 2 * q) * columns + j;
          store(pairs + q * columns + j, (Vec)(widened(first) | (widened(first + columns) << 16)));
        }
      // Two neighbours of a row are one operand.
      const RowByRow left = {reinterpret_cast<const float*>(rounded + begin), dIn / 2};
      const int64_t vectors = columns / kLanes;
      if (begin == 0)
        smallProduct<Onto::kNothing, Pairs>(rows, vectors, depths, left, pairs, columns, y + column, dOut);
      else
        smallProduct<Onto::kSum, Pairs>(rows, vectors, depths, left, pairs, columns, y + column, dOut);
    }
  });
}

#else

bool hasStoredPairs(int64_t, int64_t, const StoredWeight&) { return false; }
void multiplyStoredPairs(int64_t, int64_t, int64_t, const float*, const StoredWeight&, float*) {}

#endif

}  // namespace scmoe
