#include "cpu/stored_rows.h"

#include <algorithm>

#include "core/parallel.h"
#include "cpu/gemm_depths.h"
#include "cpu/simd.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace scmoe {

namespace {

/// Columns whose sums stay in the first-level cache: the more, the longer is the piece of a row that is read at a time.
template <int Rows>
constexpr int64_t kSweep = Rows == 1   ? 2048
                           : Rows == 2 ? 1024
                                       : 512;
/// Rows of the weight that are multiplied between two visits to the sums. A divisor of kScaleRows and of kDepth.
constexpr int64_t kTogether = 4;
/// Rows of the weight that are asked for ahead of their time.
constexpr int64_t kAhead = 2 * kTogether;
static_assert(kScaleRows % kTogether == 0 && kDepth % kScaleRows == 0, "a group of rows has one scale");
/// kLanes numbers as integers of 32 bits. gcc 12 takes vectors shorter than a register apart.
#if defined(__AVX512F__)
inline IntVec widened(const uint16_t* from) {
  return (IntVec)_mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
}
inline IntVec widened(const int8_t* from) {
  return (IntVec)_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
}
#elif defined(__AVX2__)
inline IntVec widened(const uint16_t* from) {
  return (IntVec)_mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
}
inline IntVec widened(const int8_t* from) {
  return (IntVec)_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from)));
}
#else
template <typename Element>
inline IntVec widened(const Element* from) {
  IntVec result;
  for (int lane = 0; lane < kLanes; ++lane) result[lane] = from[lane];
  return result;
}
#endif

/// kLanes numbers of a row, as float32.
struct Bf16Rows {
  using Element = uint16_t;
  const uint16_t* values;
  const float* scales = nullptr;

  static Vec scale(const float*) { return Vec{}; }
  static Vec load(const uint16_t* from, Vec) { return (Vec)(widened(from) << 16); }
};

struct Int8Rows {
  using Element = int8_t;
  const int8_t* values;
  const float* scales;

  static Vec scale(const float* from) { return scmoe::load(from); }
  static Vec load(const int8_t* from, Vec scale) { return __builtin_convertvector(widened(from), Vec) * scale; }
};

/// sums[i][j] += x(i, p) weight(p, j) for rows p of one depth, one after the other.
template <int Rows, typename Weight>
void sweep(const float* x, int64_t dIn, const Weight& weight, int64_t dOut, int64_t begin, int64_t size, int64_t column,
           int64_t columns, float (*sums)[kSweep<Rows>]) {
  constexpr int64_t kLine = 64 / sizeof(typename Weight::Element);
  const auto group = [&](int64_t p, auto together) {
    const auto* const row = weight.values + p * dOut + column;
    const float* const scales = weight.scales + p / kScaleRows * dOut + column;
    // What the sums are written to might be x, for all that the compiler knows: it would read x again each time.
    constexpr bool isHeld = Rows <= 2;
    Vec left[isHeld ? Rows : 1][together.value];
    if constexpr (isHeld)
      for (int i = 0; i < Rows; ++i)
        for (int q = 0; q < together.value; ++q) left[i][q] = broadcast(x[i * dIn + p + q]);
    for (int64_t j = 0; j < columns; j += kLanes) {
      const Vec scale = Weight::scale(scales + j);
      if (j % kLine == 0)
        for (int q = 0; q < together.value; ++q) __builtin_prefetch(row + (q + kAhead) * dOut + j);
      Vec values[together.value];
#pragma GCC unroll 4
      for (int q = 0; q < together.value; ++q) {
        values[q] = Weight::load(row + q * dOut + j, scale);
        keepInRegister(values[q]);
      }
#pragma GCC unroll 8
      for (int i = 0; i < Rows; ++i) {
        Vec sum = load(sums[i] + j);
#pragma GCC unroll 4
        for (int q = 0; q < together.value; ++q)
          multiplyAdd(isHeld ? left[isHeld ? i : 0][q] : broadcast(x[i * dIn + p + q]), values[q], sum);
        store(sums[i] + j, sum);
      }
    }
  };
  int64_t p = begin;
  for (; p < begin + size && p % kTogether != 0; ++p) group(p, std::integral_constant<int, 1>());
  for (; p + kTogether <= begin + size; p += kTogether) group(p, std::integral_constant<int, kTogether>());
  for (; p < begin + size; ++p) group(p, std::integral_constant<int, 1>());
}

template <int Rows, typename Weight>
void multiply(const float* x, int64_t dIn, const Weight& weight, int64_t dOut, int64_t firstColumn, int64_t lastColumn,
              float* y) {
  alignas(64) float sums[Rows][kSweep<Rows>];
  for (int64_t column = firstColumn; column < lastColumn; column += kSweep<Rows>) {
    const int64_t columns = std::min(kSweep<Rows>, lastColumn - column);
    for (int i = 0; i < Rows; ++i) std::fill(y + i * dOut + column, y + i * dOut + column + columns, 0.0f);
    forDepths(dIn, [&](int64_t begin, int64_t size) {
      for (int i = 0; i < Rows; ++i) std::fill(sums[i], sums[i] + columns, 0.0f);
      sweep<Rows>(x, dIn, weight, dOut, begin, size, column, columns, sums);
      for (int i = 0; i < Rows; ++i)
        for (int64_t j = 0; j < columns; j += kLanes) {
          float* const to = y + i * dOut + column + j;
          store(to, begin == 0 ? load(sums[i] + j) : load(to) + load(sums[i] + j));
        }
    });
  }
}

template <typename Weight>
void multiplyRows(int64_t rows, int64_t dIn, int64_t dOut, const float* x, const Weight& weight, float* y) {
  const int64_t units = dOut / kLanes;
  parallelFor(units, grainFor(dIn * kLanes * static_cast<int64_t>(sizeof(typename Weight::Element))),
              [&](int64_t begin, int64_t end) {
                const int64_t first = begin * kLanes, last = end * kLanes;
                switch (rows) {
                  case 1: return multiply<1>(x, dIn, weight, dOut, first, last, y);
                  case 2: return multiply<2>(x, dIn, weight, dOut, first, last, y);
                  case 3: return multiply<3>(x, dIn, weight, dOut, first, last, y);
                  case 4: return multiply<4>(x, dIn, weight, dOut, first, last, y);
                  case 5: return multiply<5>(x, dIn, weight, dOut, first, last, y);
                  case 6: return multiply<6>(x, dIn, weight, dOut, first, last, y);
                  case 7: return multiply<7>(x, dIn, weight, dOut, first, last, y);
                  default: return multiply<8>(x, dIn, weight, dOut, first, last, y);
                }
              });
}

}  // namespace

bool hasStoredRows(int64_t rows, int64_t dIn, int64_t dOut) { return rows <= 8 && dIn > 0 && dOut % kLanes == 0; }

void multiplyStoredRows(int64_t rows, int64_t dIn, int64_t dOut, const float* x, const StoredWeight& weight, float* y) {
  if (weight.format == WeightFormat::kBf16)
    return multiplyRows(rows, dIn, dOut, x, Bf16Rows{static_cast<const uint16_t*>(weight.values)}, y);
  multiplyRows(rows, dIn, dOut, x, Int8Rows{static_cast<const int8_t*>(weight.values), weight.scales}, y);
}

}  // namespace scmoe
