#pragma once
#include <cstdint>

namespace scmoe {

/// How pictures (batch, height, width, channels) are made larger or smaller. No size is 0.
struct Resize {
  int64_t batch, inHeight, inWidth, channels;
  int64_t outHeight, outWidth;
  /// Whether the middles of the corner pixels stay where they are.
  bool alignCorners;
  /// Whether a pixel lies where its middle is, instead of its upper left corner.
  bool halfPixelCenters;
};

/// y (batch, outHeight, outWidth, channels) from x: the mean of the four pixels around, by how near they are.
void resizeBilinear(const Resize& r, const float* x, float* y);
/// The same from the nearest pixel alone.
void resizeNearest(const Resize& r, const float* x, float* y);

/// dx, the gradient of x, from dy, the gradient of y. Sums come in one order, whatever the number of threads.
void resizeBilinearBackward(const Resize& r, const float* dy, float* dx);
void resizeNearestBackward(const Resize& r, const float* dy, float* dx);

}  // namespace scmoe
