#pragma once
#include "cpu/operand_kinds.h"

#if SCMOE_BF16_PAIRS

namespace scmoe {

/// Words of the first and of the second sixteen columns of two rows in bf16: each with its upper half from the row
/// below.
class PairedRows {
 public:
  PairedRows() {
    alignas(64) uint16_t places[2][2 * kLanes];
    for (int i = 0; i < 2 * kLanes; ++i)
      for (int half = 0; half < 2; ++half)
        places[half][i] = static_cast<uint16_t>(half * kLanes + i / 2 + i % 2 * 2 * kLanes);
    low_ = _mm512_load_si512(places[0]);
    high_ = _mm512_load_si512(places[1]);
  }
  Vec low(Vec upper, Vec lower) const { return permuted(upper, low_, lower); }
  Vec high(Vec upper, Vec lower) const { return permuted(upper, high_, lower); }
  /// words: 2 * kLanes of them.
  void put(Vec upper, Vec lower, float* words) const {
    store(words, low(upper, lower));
    store(words + kLanes, high(upper, lower));
  }

 private:
  static Vec permuted(Vec upper, __m512i places, Vec lower) {
    return reinterpret_cast<Vec>(
        _mm512_permutex2var_epi16(reinterpret_cast<__m512i>(upper), places, reinterpret_cast<__m512i>(lower)));
  }

  __m512i low_, high_;
};

}  // namespace scmoe

#endif
