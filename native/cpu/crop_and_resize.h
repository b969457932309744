#pragma once
#include <cstdint>

namespace scmoe {

/// Parts of pictures (batch, height, width, channels), each resized to (cropHeight, cropWidth).
struct Crops {
  int64_t batch, height, width, channels;
  int64_t count, cropHeight, cropWidth;
  const float* boxes;       // (count, 4): upper, left, lower and right edge, of 0 to 1
  const int32_t* pictures;  // (count), the picture of each box
  bool isBilinear;          // else the nearest pixel
  float outside;            // what there is beside a picture
};

/// y (count, cropHeight, cropWidth, channels). As in TF.js a box of a picture behind the last one is
/// 0, and of one before the first NaN.
void cropAndResize(const Crops& crops, const float* x, float* y);

}  // namespace scmoe
