#pragma once
#include <algorithm>

#include "cpu/bf16_vectors.h"
#include "cpu/tiled_gemm.h"

#if SCMOE_BF16_PAIRS

namespace scmoe {

/// Two vectors of tokens of a tile, whose exponentials become gradients by the logits.
struct ScaledTile {
  const uint16_t* from;
  Vec factors[2], uniform;
  __mmask16 counted[2];
  /// Pairs of tokens below each other by classes, and pairs of classes side by side by tokens.
  float* rows;
  int64_t rowStride;
  float* pairs;
  /// The sums of each class, if wanted: set, or added to.
  float* sums;
  int64_t sumStride;
  bool adds;

  void scale(int64_t classes) {
    // Copies, which stay in registers.
    const ScaledTile own = *this;
    for (int64_t i = 0; i < classes; i += 2) {
      Vec gradient[2][2] = {};
      for (int64_t row = 0; row < std::min<int64_t>(2, classes - i); ++row) {
        for (int half = 0; half < 2; ++half)
          gradient[row][half] = reinterpret_cast<Vec>(_mm512_maskz_fmsub_ps(
              own.counted[half],
              reinterpret_cast<__m512>(loadBf16(own.from + (i + row) * kTiledColumns + half * kLanes)),
              reinterpret_cast<__m512>(own.factors[half]), reinterpret_cast<__m512>(own.uniform)));
        if (own.rows) store(own.rows + (i + row) * own.rowStride, pairsAlong(gradient[row][0], gradient[row][1]));
        if (!own.sums) continue;
        float* const sum = own.sums + (i + row) * own.sumStride;
        *sum = (own.adds ? *sum : 0.0f) + horizontalSum(gradient[row][0] + gradient[row][1]);
      }
      for (int half = 0; half < 2; ++half)
        store(own.pairs + i / 2 * kTiledColumns + half * kLanes, pairUp(gradient[0][half], gradient[1][half]));
    }
  }
};

}  // namespace scmoe

#endif
