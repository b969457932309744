#pragma once
#include <cstdint>
#include <cstring>

#include "core/arena.h"

namespace scmoe {

/// Round to nearest even; NaN stays NaN.
inline uint16_t toBf16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  const uint32_t rounded = bits + 0x7fff + ((bits >> 16) & 1);
  const bool isNan = (bits & 0x7fffffff) > 0x7f800000;
  return static_cast<uint16_t>((isNan ? (bits | 0x400000) : rounded) >> 16);
}

inline float fromBf16(uint16_t value) {
  const uint32_t bits = static_cast<uint32_t>(value) << 16;
  float result;
  std::memcpy(&result, &bits, 4);
  return result;
}

/// (rows, columns) with row length `stride` into packed bf16 rows. Runs on the caller's team.
void convertToBf16(const float* source, int64_t rows, int64_t columns, int64_t stride, uint16_t* target);

/// `count` numbers of bf16 as float32, in memory of `scope`. Runs on the caller's team.
float* widened(Arena::Scope& scope, int64_t count, const uint16_t* from);

}  // namespace scmoe
