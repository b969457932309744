#include "cpu/depthwise.h"

#include <algorithm>
#include <cstring>

#include "core/parallel.h"
#include "cpu/simd.h"

namespace scmoe {

namespace {

/// sum[j] += a[j] * b[j]
inline void addProducts(const float* a, const float* b, int64_t count, float* sum) {
#pragma omp simd
  for (int64_t j = 0; j < count; ++j) sum[j] += a[j] * b[j];
}

/// Vectors of channels whose sums stay in registers while the taps go by.
constexpr int kVectors = 32 / kLanes;

/// Calls body(pixel, weights) for the taps of an output pixel that are inside, each the first of its channels.
template <typename Body>
void forTaps(const Window& w, const float* image, const float* filter, int64_t weightsOfTap, int64_t oy, int64_t ox,
             const Body& body) {
  for (int64_t fy = 0; fy < w.filterHeight; ++fy) {
    const int64_t iy = w.inputRow(oy, fy);
    if (iy < 0 || iy >= w.inHeight) continue;
    for (int64_t fx = 0; fx < w.filterWidth; ++fx) {
      const int64_t ix = w.inputColumn(ox, fx);
      if (ix < 0 || ix >= w.inWidth) continue;
      body(image + (iy * w.inWidth + ix) * w.channels, filter + (fy * w.filterWidth + fx) * weightsOfTap);
    }
  }
}

void forwardPixel(const Window& w, const float* image, const float* filter, int64_t oy, int64_t ox, float* to) {
  int64_t c = 0;
  for (; c + kVectors * kLanes <= w.channels; c += kVectors * kLanes) {
    Vec sums[kVectors] = {};
    forTaps(w, image + c, filter + c, w.channels, oy, ox, [&](const float* pixel, const float* weights) {
      for (int v = 0; v < kVectors; ++v) sums[v] += load(pixel + v * kLanes) * load(weights + v * kLanes);
    });
    for (int v = 0; v < kVectors; ++v) store(to + c + v * kLanes, sums[v]);
  }
  for (; c + kLanes <= w.channels; c += kLanes) {
    Vec sum = {};
    forTaps(w, image + c, filter + c, w.channels, oy, ox,
            [&](const float* pixel, const float* weights) { sum += load(pixel) * load(weights); });
    store(to + c, sum);
  }
  for (; c < w.channels; ++c) {
    float sum = 0.0f;
    forTaps(w, image + c, filter + c, w.channels, oy, ox,
            [&](const float* pixel, const float* weights) { sum += *pixel * *weights; });
    to[c] = sum;
  }
}

/// Several filters for each channel: seldom, and without a vector's help.
void forwardPixelWithMultiplier(const Window& w, int64_t multiplier, const float* image, const float* filter,
                                int64_t oy, int64_t ox, float* to) {
  std::fill_n(to, w.channels * multiplier, 0.0f);
  forTaps(w, image, filter, w.channels * multiplier, oy, ox, [&](const float* pixel, const float* weights) {
    for (int64_t c = 0; c < w.channels; ++c)
      for (int64_t m = 0; m < multiplier; ++m) to[c * multiplier + m] += pixel[c] * weights[c * multiplier + m];
  });
}

}  // namespace

void depthwiseForward(const Window& w, int64_t multiplier, const float* x, const float* filter,
                      const Epilogue& epilogue, float* y) {
  const int64_t outChannels = w.channels * multiplier, line = w.outWidth * outChannels;
  if (w.outPixels() * outChannels == 0) return;
  parallelFor(w.batch * w.outHeight, grainFor(line * w.taps() * 4), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const float* const image = x + row / w.outHeight * w.inHeight * w.inWidth * w.channels;
      float* const to = y + row * line;
      for (int64_t ox = 0; ox < w.outWidth; ++ox) {
        if (multiplier == 1)
          forwardPixel(w, image, filter, row % w.outHeight, ox, to + ox * outChannels);
        else
          forwardPixelWithMultiplier(w, multiplier, image, filter, row % w.outHeight, ox, to + ox * outChannels);
      }
      epilogue.apply(to, w.outWidth, outChannels);
    }
  });
}

void depthwiseBackwardFilter(const Window& w, int64_t multiplier, const float* x, const float* dy, float* dFilter) {
  const int64_t outChannels = w.channels * multiplier;
  if (outChannels == 0) return;
  // Each tap belongs to one thread, which goes over all pixels: sums come in one order.
  parallelFor(w.taps(), 1, [&](int64_t begin, int64_t end) {
    for (int64_t tap = begin; tap < end; ++tap) {
      float* const sums = dFilter + tap * outChannels;
      std::fill_n(sums, outChannels, 0.0f);
      for (int64_t row = 0; row < w.batch * w.outHeight; ++row) {
        const int64_t iy = w.inputRow(row % w.outHeight, tap / w.filterWidth);
        if (iy < 0 || iy >= w.inHeight) continue;
        const float* const line = x + (row / w.outHeight * w.inHeight + iy) * w.inWidth * w.channels;
        for (int64_t ox = 0; ox < w.outWidth; ++ox) {
          const int64_t ix = w.inputColumn(ox, tap % w.filterWidth);
          if (ix < 0 || ix >= w.inWidth) continue;
          const float* const from = line + ix * w.channels;
          const float* const g = dy + (row * w.outWidth + ox) * outChannels;
          if (multiplier == 1) {
            addProducts(from, g, outChannels, sums);
            continue;
          }
          for (int64_t c = 0; c < w.channels; ++c)
            for (int64_t m = 0; m < multiplier; ++m) sums[c * multiplier + m] += from[c] * g[c * multiplier + m];
        }
      }
    }
  });
}

void depthwiseBackwardInput(const Window& w, int64_t multiplier, const float* dy, const float* filter, float* dx) {
  const int64_t outChannels = w.channels * multiplier, line = w.inWidth * w.channels;
  if (w.inPixels() * w.channels == 0) return;
  parallelFor(w.batch * w.inHeight, grainFor(line * w.taps() * 4), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t iy = row % w.inHeight, n = row / w.inHeight;
      float* to = dx + row * line;
      std::memset(to, 0, line * sizeof(float));
      for (int64_t ix = 0; ix < w.inWidth; ++ix, to += w.channels) {
        for (int64_t tap = 0; tap < w.taps(); ++tap) {
          const int64_t oy = w.outputRow(iy, tap / w.filterWidth), ox = w.outputColumn(ix, tap % w.filterWidth);
          if (oy < 0 || ox < 0) continue;
          const float* const g = dy + ((n * w.outHeight + oy) * w.outWidth + ox) * outChannels;
          const float* const weights = filter + tap * outChannels;
          if (multiplier == 1) {
            addProducts(g, weights, w.channels, to);
            continue;
          }
          for (int64_t c = 0; c < w.channels; ++c)
            for (int64_t m = 0; m < multiplier; ++m) to[c] += g[c * multiplier + m] * weights[c * multiplier + m];
        }
      }
    }
  });
}

}  // namespace scmoe
