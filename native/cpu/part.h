#pragma once
#include <cstdint>

#if defined(__AVX2__) && defined(__FMA__)
#define SCMOE_GEMM_TILE 1
#include <immintrin.h>
#elif defined(__aarch64__)
#define SCMOE_GEMM_TILE 1
#include <arm_neon.h>
#else
#define SCMOE_GEMM_TILE 0
#endif

#if SCMOE_GEMM_TILE
#include "cpu/simd.h"

/// The vectors that our own float32 products are made of: eight numbers with AVX2, four with NEON. Their width shows in
/// no result: each element is summed in order, one fused multiply-add after the other.
namespace scmoe::tile {

#if defined(__AVX2__)
constexpr int kPart = 8;
#else
constexpr int kPart = 4;
#endif

typedef float Part __attribute__((vector_size(kPart * 4)));
typedef float UnalignedPart __attribute__((vector_size(kPart * 4), aligned(4), may_alias));

inline Part loadPart(const float* from) { return *reinterpret_cast<const UnalignedPart*>(from); }
inline void storePart(float* to, Part value) { *reinterpret_cast<UnalignedPart*>(to) = value; }
inline Part broadcastPart(const float* from) { return *from - Part{}; }

#if defined(__AVX2__)
/// A number that a vector is multiplied by.
using Factor = Part;
inline Factor factorAt(const float* from) { return broadcastPart(from); }

/// sum + a * b, rounded once.
inline Part fused(Part a, Part b, Part sum) { return _mm256_fmadd_ps(a, b, sum); }

/// Four numbers of each of eight rows: vector q has their element q.
inline void transposeRows(const float* rows, int64_t stride, Part* elements) {
  const auto pair = [&](int64_t i) {
    return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(rows + i * stride)),
                                _mm_loadu_ps(rows + (i + 4) * stride), 1);
  };
  const __m256 r0 = pair(0), r1 = pair(1), r2 = pair(2), r3 = pair(3);
  const __m256 low01 = _mm256_unpacklo_ps(r0, r1), high01 = _mm256_unpackhi_ps(r0, r1);
  const __m256 low23 = _mm256_unpacklo_ps(r2, r3), high23 = _mm256_unpackhi_ps(r2, r3);
  elements[0] = _mm256_shuffle_ps(low01, low23, 0x44);
  elements[1] = _mm256_shuffle_ps(low01, low23, 0xEE);
  elements[2] = _mm256_shuffle_ps(high01, high23, 0x44);
  elements[3] = _mm256_shuffle_ps(high01, high23, 0xEE);
}
#else
/// Multiplied from a lane: a vector of its own would cost an instruction.
using Factor = float;
inline Factor factorAt(const float* from) { return *from; }
[[gnu::always_inline]] inline void multiplyAdd(Factor a, Part b, Part& sum) {
  asm("fmla %0.4s, %1.4s, %2.s[0]" : "+w"(sum) : "w"(b), "w"(a));
}

inline Part fused(Part a, Part b, Part sum) { return vfmaq_f32(sum, a, b); }

/// Four numbers of each of four rows: vector q has their element q.
inline void transposeRows(const float* rows, int64_t stride, Part* elements) {
  const float32x4_t r0 = loadPart(rows), r1 = loadPart(rows + stride);
  const float32x4_t r2 = loadPart(rows + 2 * stride), r3 = loadPart(rows + 3 * stride);
  const float64x2_t low01 = vreinterpretq_f64_f32(vzip1q_f32(r0, r1)),
                    high01 = vreinterpretq_f64_f32(vzip2q_f32(r0, r1));
  const float64x2_t low23 = vreinterpretq_f64_f32(vzip1q_f32(r2, r3)),
                    high23 = vreinterpretq_f64_f32(vzip2q_f32(r2, r3));
  elements[0] = vreinterpretq_f32_f64(vzip1q_f64(low01, low23));
  elements[1] = vreinterpretq_f32_f64(vzip2q_f64(low01, low23));
  elements[2] = vreinterpretq_f32_f64(vzip1q_f64(high01, high23));
  elements[3] = vreinterpretq_f32_f64(vzip2q_f64(high01, high23));
}
#endif

}  // namespace scmoe::tile
#endif
