#pragma once
#include <algorithm>
#include <cstdint>

namespace scmoe {

/// How a filter slides over pictures of `channels` channels, (batch, height, width, channels): tap (fy, fx) of output
/// pixel (oy, ox) reads input pixel (oy * strideHeight - top + fy * dilationHeight, likewise), or a zero outside.
struct Window {
  int64_t batch, inHeight, inWidth, channels;
  int64_t outHeight, outWidth;
  int64_t filterHeight, filterWidth;
  int64_t strideHeight, strideWidth;
  int64_t dilationHeight, dilationWidth;
  int64_t top, left;

  int64_t taps() const { return filterHeight * filterWidth; }
  int64_t inPixels() const { return batch * inHeight * inWidth; }
  int64_t outPixels() const { return batch * outHeight * outWidth; }
  /// Whether output pixel i reads input pixel i alone.
  bool isPointwise() const {
    return taps() == 1 && strideHeight == 1 && strideWidth == 1 && top == 0 && left == 0 && inHeight == outHeight &&
           inWidth == outWidth;
  }

  int64_t inputRow(int64_t oy, int64_t fy) const { return oy * strideHeight - top + fy * dilationHeight; }
  int64_t inputColumn(int64_t ox, int64_t fx) const { return ox * strideWidth - left + fx * dilationWidth; }
  /// The output row of which tap fy reads input row iy; -1 if none.
  int64_t outputRow(int64_t iy, int64_t fy) const {
    return outputOf(iy + top - fy * dilationHeight, strideHeight, outHeight);
  }
  int64_t outputColumn(int64_t ix, int64_t fx) const {
    return outputOf(ix + left - fx * dilationWidth, strideWidth, outWidth);
  }

 private:
  static int64_t outputOf(int64_t offset, int64_t stride, int64_t size) {
    if (offset < 0 || offset % stride != 0) return -1;
    return offset / stride < size ? offset / stride : -1;
  }
};

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
