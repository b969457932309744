#pragma once
#include <cstdint>

#include "cpu/operand_kinds.h"
#include "cpu/tile_sums.h"

#if SCMOE_BF16_PAIRS

/// Vectors of neighbours of a row in bf16, from and to memory.
namespace scmoe {

/// kLanes numbers. Masked, for gcc 12 warns of what plain ones leave open.
inline Vec loadBf16(const uint16_t* from) {
  const __m512i words = _mm512_maskz_cvtepu16_epi32(0xffff, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
  return reinterpret_cast<Vec>(_mm512_maskz_slli_epi32(0xffff, words, 16));
}

/// 2 * kLanes numbers, as pairs.
inline Vec loadPairs(const uint16_t* from) { return load(reinterpret_cast<const float*>(from)); }
inline void storePairs(uint16_t* to, Vec pairs) { store(reinterpret_cast<float*>(to), pairs); }

/// Past the caches where `to` allows it: nobody reads it soon, and lines that are written as a whole need not be
/// fetched first.
inline void storePast(uint16_t* to, Vec pairs) {
  if (canStream(to))
    _mm512_stream_ps(reinterpret_cast<float*>(to), reinterpret_cast<__m512>(pairs));
  else
    storePairs(to, pairs);
}

}  // namespace scmoe

#endif
