#include "cpu/slope_rows.h"

#include "cpu/activation_rows.h"
#include "cpu/bf16.h"

namespace scmoe {

const float* SlopeRows::make(int64_t first, int64_t count, float* to, uint16_t* rows16) const {
  const float* const from = dy + first * dOut;
  if (!pre && !rows16 && !sums) return from;
  float* const total = sums;
  withActivation(activation, [&](auto chosen) {
    for (int64_t i = 0; i < count; ++i) {
      const float* row = from + i * dOut;
      if (pre) {
        float* const own = to + (rows16 ? 0 : i * dOut);
        slopeRow<chosen.value>(dOut, row, pre + (first + i) * dOut, own);
        row = own;
      }
      if (total) {
        const int64_t columns = dOut;
#pragma omp simd
        for (int64_t j = 0; j < columns; ++j) total[j] += row[j];
      }
      if (rows16) convertToBf16(row, 1, dOut, dOut, rows16 + i * dOut);
    }
  });
  return rows16 ? nullptr : pre ? to : from;
}

}  // namespace scmoe
