#pragma once
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

/// Calls body(pixel, tap) for the taps of output pixel (oy, ox) that are inside: where in picture n the channels of the
/// input pixel begin, and the number of the tap.
template <typename Body>
void forTaps(const Window& w, int64_t n, int64_t oy, int64_t ox, const Body& body) {
  for (int64_t fy = 0; fy < w.filterHeight; ++fy) {
    const int64_t iy = w.inputRow(oy, fy);
    if (iy < 0 || iy >= w.inHeight) continue;
    for (int64_t fx = 0; fx < w.filterWidth; ++fx) {
      const int64_t ix = w.inputColumn(ox, fx);
      if (ix < 0 || ix >= w.inWidth) continue;
      body(((n * w.inHeight + iy) * w.inWidth + ix) * w.channels, fy * w.filterWidth + fx);
    }
  }
}

}  // namespace scmoe
