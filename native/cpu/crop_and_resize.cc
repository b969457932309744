#include "cpu/crop_and_resize.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/parallel.h"
#include "cpu/js_number.h"

namespace scmoe {

namespace {

/// Where output `i` of `count` lies between two edges of a box, in pixels.
double position(double from, double to, int64_t i, int64_t count, int64_t pixels) {
  const auto last = static_cast<double>(pixels - 1);
  if (count == 1) return 0.5 * (from + to) * last;
  return from * last + static_cast<double>(i) * ((to - from) * last / static_cast<double>(count - 1));
}

bool isOutside(double at, int64_t pixels) { return at < 0.0 || at > static_cast<double>(pixels - 1); }

void cropRow(const Crops& crops, const float* picture, const float* box, int64_t row, float* to) {
  const double y = position(box[0], box[2], row, crops.cropHeight, crops.height);
  const int64_t size = crops.cropWidth * crops.channels, line = crops.width * crops.channels;
  if (isOutside(y, crops.height)) return void(std::fill_n(to, size, crops.outside));
  for (int64_t column = 0; column < crops.cropWidth; ++column, to += crops.channels) {
    const double x = position(box[1], box[3], column, crops.cropWidth, crops.width);
    if (isOutside(x, crops.width)) {
      std::fill_n(to, crops.channels, crops.outside);
    } else if (!picture || std::isnan(x) || std::isnan(y)) {
      std::fill_n(to, crops.channels, std::numeric_limits<float>::quiet_NaN());
    } else if (crops.isBilinear) {
      const double top = std::floor(y), left = std::floor(x);
      const auto down = static_cast<float>(y - top), across = static_cast<float>(x - left);
      const float* const above = picture + static_cast<int64_t>(top) * line;
      const float* const below = picture + static_cast<int64_t>(std::ceil(y)) * line;
      const int64_t from = static_cast<int64_t>(left) * crops.channels;
      const int64_t until = static_cast<int64_t>(std::ceil(x)) * crops.channels;
#pragma omp simd
      for (int64_t c = 0; c < crops.channels; ++c) {
        const float upper = above[from + c] + (above[until + c] - above[from + c]) * across;
        const float lower = below[from + c] + (below[until + c] - below[from + c]) * across;
        to[c] = upper + (lower - upper) * down;
      }
    } else {
      const auto nearestRow = static_cast<int64_t>(jsRound(y)), nearestColumn = static_cast<int64_t>(jsRound(x));
      std::memcpy(to, picture + nearestRow * line + nearestColumn * crops.channels, crops.channels * sizeof(float));
    }
  }
}

}  // namespace

void cropAndResize(const Crops& crops, const float* x, float* y) {
  const int64_t size = crops.cropWidth * crops.channels;
  parallelFor(crops.count * crops.cropHeight, grainFor(size * 20), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t box = row / crops.cropHeight, picture = crops.pictures[box];
      float* const to = y + row * size;
      const float* const from = picture < 0 ? nullptr : x + picture * crops.height * crops.width * crops.channels;
      if (picture >= crops.batch)
        std::memset(to, 0, size * sizeof(float));
      else
        cropRow(crops, from, crops.boxes + 4 * box, row % crops.cropHeight, to);
    }
  });
}

}  // namespace scmoe
