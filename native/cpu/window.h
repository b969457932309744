#pragma once
#include <cstdint>

namespace scmoe {

/// How a filter slides over pictures of `channels` channels, (batch, height, width, channels): tap (fy, fx) of output
/// pixel (oy, ox) reads input pixel (oy * strideHeight - top + fy * dilationHeight, likewise), or a zero outside.
/// Volumes (batch, depth, height, width, channels) are pictures one behind the other, over which it slides along depth
/// as well.
struct Window {
  int64_t batch, inHeight, inWidth, channels;
  int64_t outHeight, outWidth;
  int64_t filterHeight, filterWidth;
  int64_t strideHeight, strideWidth;
  int64_t dilationHeight, dilationWidth;
  int64_t top, left;
  int64_t inDepth = 1, outDepth = 1, filterDepth = 1, strideDepth = 1, dilationDepth = 1, front = 0;

  int64_t taps() const { return filterDepth * filterHeight * filterWidth; }
  /// Pictures, those of volumes included.
  int64_t inPlanes() const { return batch * inDepth; }
  int64_t outPlanes() const { return batch * outDepth; }
  int64_t inPixels() const { return inPlanes() * inHeight * inWidth; }
  int64_t outPixels() const { return outPlanes() * outHeight * outWidth; }
  /// Whether each output picture reads one input picture, its own: asked for each pixel, and cheaper than a division.
  bool isOfPictures() const { return inDepth == 1 && outDepth == 1 && filterDepth == 1; }
  bool hasStride() const { return strideDepth > 1 || strideHeight > 1 || strideWidth > 1; }
  /// Whether output pixel i reads input pixel i alone.
  bool isPointwise() const {
    return taps() == 1 && !hasStride() && front == 0 && top == 0 && left == 0 && inDepth == outDepth &&
           inHeight == outHeight && inWidth == outWidth;
  }

  int64_t inputRow(int64_t oy, int64_t fy) const { return oy * strideHeight - top + fy * dilationHeight; }
  int64_t inputColumn(int64_t ox, int64_t fx) const { return ox * strideWidth - left + fx * dilationWidth; }
  /// The picture that tap fd of output picture `plane` reads; -1 if none.
  int64_t inputPlane(int64_t plane, int64_t fd) const {
    if (isOfPictures()) return plane;
    const int64_t depth = plane % outDepth * strideDepth - front + fd * dilationDepth;
    return depth < 0 || depth >= inDepth ? -1 : plane / outDepth * inDepth + depth;
  }
  /// The output picture of which tap fd reads input picture `plane`; -1 if none.
  int64_t outputPlane(int64_t plane, int64_t fd) const {
    if (isOfPictures()) return plane;
    const int64_t depth = outputOf(plane % inDepth + front - fd * dilationDepth, strideDepth, outDepth);
    return depth < 0 ? -1 : plane / inDepth * outDepth + depth;
  }
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

/// Calls body(pixel, tap) for the taps of pixel (oy, ox) of output picture `plane` that are inside: where the channels
/// of the input pixel begin, and the number of the tap.
template <typename Body>
void forTaps(const Window& w, int64_t plane, int64_t oy, int64_t ox, const Body& body) {
  for (int64_t fd = 0; fd < w.filterDepth; ++fd) {
    const int64_t from = w.inputPlane(plane, fd);
    if (from < 0) continue;
    for (int64_t fy = 0; fy < w.filterHeight; ++fy) {
      const int64_t iy = w.inputRow(oy, fy);
      if (iy < 0 || iy >= w.inHeight) continue;
      for (int64_t fx = 0; fx < w.filterWidth; ++fx) {
        const int64_t ix = w.inputColumn(ox, fx);
        if (ix < 0 || ix >= w.inWidth) continue;
        body(((from * w.inHeight + iy) * w.inWidth + ix) * w.channels, (fd * w.filterHeight + fy) * w.filterWidth + fx);
      }
    }
  }
}

}  // namespace scmoe
