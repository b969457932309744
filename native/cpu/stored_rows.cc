#include "cpu/stored_rows.h"

#include <algorithm>
#include <cstring>

#include "core/parallel.h"
#include "cpu/gemm_depths.h"
#include "cpu/row_sweep.h"

#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace scmoe {

namespace {

static_assert(kScaleRows % kTogether == 0 && kDepth % kScaleRows == 0, "a group of rows has one scale");

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

  static constexpr int64_t kScaleRows = 1;
  static Vec scale(const float*) { return Vec{}; }
  static Vec load(const uint16_t* from, Vec) { return (Vec)(widened(from) << 16); }
};

struct Int8Rows {
  using Element = int8_t;
  const int8_t* values;
  const float* scales;

  static constexpr int64_t kScaleRows = scmoe::kScaleRows;
  static Vec scale(const float* from) { return scmoe::load(from); }
  static Vec load(const int8_t* from, Vec scale) { return __builtin_convertvector(widened(from), Vec) * scale; }
};

template <int Rows, typename Weight>
void multiply(const float* x, int64_t dIn, const Weight& weight, int64_t dOut, int64_t firstColumn, int64_t lastColumn,
              float* y) {
  alignas(64) float sums[Rows][kSweep<Rows>];
  for (int64_t column = firstColumn; column < lastColumn; column += kSweep<Rows>) {
    const int64_t columns = std::min(kSweep<Rows>, lastColumn - column);
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
                withRows(rows, [&](auto count) {
                  multiply<count.value>(x, dIn, weight, dOut, begin * kLanes, end * kLanes, y);
                });
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
