#pragma once
#include <cstdint>
#include <cstring>

#if defined(__AVX512DQ__)
#include <immintrin.h>
#endif

/// Short vectors through GCC's and Clang's vector extensions: one source for AVX-512, AVX2 and NEON.
namespace scmoe {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
constexpr int kVectorRegisters = 32;
#elif defined(__AVX__)
constexpr int kLanes = 8;
constexpr int kVectorRegisters = 16;
#else
constexpr int kLanes = 4;
constexpr int kVectorRegisters = 32;
#endif

typedef float Vec __attribute__((vector_size(kLanes * 4)));
typedef int32_t IntVec __attribute__((vector_size(kLanes * 4)));
typedef float UnalignedVec __attribute__((vector_size(kLanes * 4), aligned(4), may_alias));

inline Vec load(const float* from) { return *reinterpret_cast<const UnalignedVec*>(from); }
inline void store(float* to, Vec value) { *reinterpret_cast<UnalignedVec*>(to) = value; }
inline Vec broadcast(float value) { return value - Vec{}; }

/// sum += a * b in one multiply-add, where gcc 12 would load b from memory once more for each (AVX2) or a step's
/// operands before the one before it is done (NEON), and run out of registers: with AVX2 86 % of what the CPU can do
/// instead of 99 %. keepInRegister stops it from folding the load.
#if defined(__AVX2__) && defined(__FMA__)
template <typename V>
[[gnu::always_inline]] inline void multiplyAdd(V a, V b, V& sum) {
  asm("vfmadd231ps %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
}
template <typename V>
[[gnu::always_inline]] inline void keepInRegister(V& value) {
  asm("" : "+v"(value));
}
#elif defined(__aarch64__)
template <typename V>
[[gnu::always_inline]] inline void multiplyAdd(V a, V b, V& sum) {
  asm("fmla %0.4s, %1.4s, %2.4s" : "+w"(sum) : "w"(a), "w"(b));
}
template <typename V>
[[gnu::always_inline]] inline void keepInRegister(V& value) {
  asm("" : "+w"(value));
}
#else
template <typename V>
inline void multiplyAdd(V a, V b, V& sum) {
  sum += a * b;
}
template <typename V>
inline void keepInRegister(V&) {}
#endif

inline Vec maximum(Vec a, Vec b) { return a > b ? a : b; }

inline float horizontalSum(Vec value) {
  float lanes[kLanes];
  store(lanes, value);
  for (int width = kLanes / 2; width >= 1; width /= 2)
    for (int i = 0; i < width; ++i) lanes[i] += lanes[i + width];
  return lanes[0];
}

inline float horizontalMaximum(Vec value) {
  float lanes[kLanes];
  store(lanes, value);
  for (int width = kLanes / 2; width >= 1; width /= 2)
    for (int i = 0; i < width; ++i) lanes[i] = lanes[i] > lanes[i + width] ? lanes[i] : lanes[i + width];
  return lanes[0];
}

/// Largest of count > 0 values; a NaN among them may be passed over.
inline float largestOf(const float* values, int64_t count) {
  float largest = values[0];
  int64_t i = 0;
  if (count >= 4 * kLanes) {
    Vec most[4];
    for (int part = 0; part < 4; ++part) most[part] = load(values + part * kLanes);
    for (i = 4 * kLanes; i + 4 * kLanes <= count; i += 4 * kLanes)
      for (int part = 0; part < 4; ++part) most[part] = maximum(load(values + i + part * kLanes), most[part]);
    largest = horizontalMaximum(maximum(maximum(most[0], most[1]), maximum(most[2], most[3])));
  }
  for (; i < count; ++i) largest = values[i] > largest ? values[i] : largest;
  return largest;
}

/// 0, 1, 2, ...
inline IntVec laneIndex() {
  IntVec result;
  for (int i = 0; i < kLanes; ++i) result[i] = i;
  return result;
}

/// e^x for x <= 88, within 2 ulp; exactly 0 below -87.3 (where float32 leaves its normal range), NaN for NaN.
/// Cody and Waite's reduction to |r| <= ln(2)/2 and Cephes' expf polynomial.
inline Vec exponential(Vec x) {
  const float lowest = -87.33654f;
  const Vec clamped = x < lowest ? broadcast(lowest) : x;
  const float magic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer and leaves that in the low bits
  const Vec shifted = clamped * 1.44269504f + magic;
  const Vec n = shifted - magic;
  const Vec r = (clamped - n * 0.693359375f) + n * 2.12194440e-4f;
  Vec p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  const IntVec power = ((IntVec)shifted << 23) + (127 << 23);  // the magic's own low bits leave at the top
  const Vec result = p * (Vec)power;
  return x < lowest ? Vec{} : result;
}

/// 2^x for x < 128, within 3 ulp and exactly 1 for 0; 0 where float32 leaves its normal range or, with AVX-512, has no
/// number left. NaN for NaN. Minimax fits of our own, of degree 5.
inline Vec powerOfTwo(Vec x) {
#if defined(__AVX512DQ__)
  // On [0, 1): what is taken off is what the scaling puts back, rounded down by either. An infinity leaves 0.
  const Vec r = reinterpret_cast<Vec>(_mm512_reduce_ps(reinterpret_cast<__m512>(x), _MM_FROUND_TO_NEG_INF));
  Vec p = r * 1.86713e-3f + 9.01703e-3f;
  p = p * r + 5.579991e-2f;
  p = p * r + 0.24016445f;
  p = p * r + 0.69315131f;
  p = p * r + 1.0f;
  // Masked, for gcc 12 warns of what the plain one leaves open.
  return reinterpret_cast<Vec>(
      _mm512_maskz_scalef_ps(0xffff, reinterpret_cast<__m512>(p), reinterpret_cast<__m512>(x)));
#else
  const float lowest = -126.0f;
  const Vec clamped = x < lowest ? broadcast(lowest) : x;
  const float magic = 12582912.0f;  // as in exponential()
  const Vec shifted = clamped + magic;
  const Vec r = clamped - (shifted - magic);
  Vec p = r * 1.32647e-3f + 9.67151e-3f;
  p = p * r + 5.550734e-2f;
  p = p * r + 0.24022242f;
  p = p * r + 0.69314698f;
  p = p * r + 1.0f;
  const IntVec power = ((IntVec)shifted << 23) + (127 << 23);
  const Vec result = p * (Vec)power;
  return x < lowest ? Vec{} : result;
#endif
}

/// Element i is element order[i] of a and b laid side by side. Clang has no shuffle by a vector.
inline Vec shuffled(Vec a, Vec b, IntVec order) {
#if defined(__clang__)
  Vec result;
  for (int i = 0; i < kLanes; ++i) result[i] = order[i] < kLanes ? a[order[i]] : b[order[i] - kLanes];
  return result;
#else
  return __builtin_shuffle(a, b, order);
#endif
}

/// kLanes vectors of kLanes floats, transposed in registers.
[[gnu::always_inline]] inline void transposeVectors(Vec (&rows)[kLanes]) {
  Vec next[kLanes];
  IntVec low, high;
  for (int i = 0; i < kLanes / 2; ++i) {
    low[2 * i] = i;
    low[2 * i + 1] = i + kLanes;
    high[2 * i] = i + kLanes / 2;
    high[2 * i + 1] = i + kLanes / 2 + kLanes;
  }
  // Interleaving row i with row i + kLanes/2 moves one bit of the row number into the column: log2(kLanes) rounds.
#pragma GCC unroll 4
  for (int width = 1; width < kLanes; width *= 2) {
#pragma GCC unroll 8
    for (int i = 0; i < kLanes / 2; ++i) {
      next[2 * i] = shuffled(rows[i], rows[i + kLanes / 2], low);
      next[2 * i + 1] = shuffled(rows[i], rows[i + kLanes / 2], high);
    }
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) rows[i] = next[i];
  }
}

/// kLanes rows of kLanes floats, transposed; rows of `to` are `toStride` apart.
inline void transposeSquare(const float* from, int64_t fromStride, float* to, int64_t toStride) {
  Vec rows[kLanes];
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) rows[i] = load(from + i * fromStride);
  transposeVectors(rows);
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) store(to + i * toStride, rows[i]);
}

}  // namespace scmoe
