#pragma once
#include <cstdint>

namespace scmoe {

/// Brings numbers near, in the order of memory: the hardware foresees that, and not columns that lie a row apart.
inline void fetch(const float* numbers, int64_t count) {
  constexpr int64_t kLine = 16;  // numbers of a cache line
  float sum = 0.0f;
  for (int64_t i = 0; i < count; i += kLine) sum += numbers[i];
  asm volatile("" ::"g"(sum));
}

}  // namespace scmoe
