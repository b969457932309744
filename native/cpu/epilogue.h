#pragma once
#include <cstdint>

namespace scmoe {

/// What becomes of the values of a convolution: a bias per channel, then the nearest value from least to greatest.
struct Epilogue {
  const float* bias;  // may be null
  bool clamps;
  float least, greatest;

  /// In place, on some rows of `columns` values.
  void apply(float* values, int64_t rows, int64_t columns) const {
    if (!bias && !clamps) return;
    for (int64_t i = 0; i < rows; ++i, values += columns) {
      if (bias) {
#pragma omp simd
        for (int64_t j = 0; j < columns; ++j) values[j] += bias[j];
      }
      if (!clamps) continue;
#pragma omp simd
      for (int64_t j = 0; j < columns; ++j) {
        const float value = values[j];  // NaN stays
        values[j] = value < least ? least : value > greatest ? greatest : value;
      }
    }
  }
};

}  // namespace scmoe
