#include "cpu/pooling.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "core/arena.h"
#include "core/parallel.h"

namespace scmoe {

namespace {

constexpr float kNone = -std::numeric_limits<float>::infinity();

/// Calls body(plane, oy, ox, to) for every pixel of every output picture, rows of them with all threads.
template <typename Body>
void forOutputs(const Window& w, float* y, const Body& body) {
  if (w.outPixels() * w.channels == 0) return;
  parallelFor(w.outPlanes() * w.outHeight, grainFor(w.outWidth * w.channels * w.taps() * 4),
              [&](int64_t begin, int64_t end) {
                for (int64_t row = begin; row < end; ++row)
                  for (int64_t ox = 0; ox < w.outWidth; ++ox)
                    body(row / w.outHeight, row % w.outHeight, ox, y + (row * w.outWidth + ox) * w.channels);
              });
}

/// Calls body(output, tap, to) for every input pixel and each output whose window it is in.
template <typename Body>
void forInputs(const Window& w, float* dx, const Body& body) {
  if (w.inPixels() * w.channels == 0) return;
  const int64_t line = w.inWidth * w.channels;
  parallelFor(w.inPlanes() * w.inHeight, grainFor(line * w.taps() * 4), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      std::memset(dx + row * line, 0, line * sizeof(float));
      // Each pixel's taps in their order, those of a line of the window for all pixels at once.
      for (int64_t upper = 0; upper < w.filterDepth * w.filterHeight; ++upper) {
        const int64_t plane = w.outputPlane(row / w.inHeight, upper / w.filterHeight);
        const int64_t oy = w.outputRow(row % w.inHeight, upper % w.filterHeight);
        if (plane < 0 || oy < 0) continue;
        for (int64_t ix = 0; ix < w.inWidth; ++ix) {
          for (int64_t fx = 0; fx < w.filterWidth; ++fx) {
            const int64_t ox = w.outputColumn(ix, fx);
            if (ox < 0) continue;
            body((plane * w.outHeight + oy) * w.outWidth + ox, static_cast<int32_t>(upper * w.filterWidth + fx),
                 dx + row * line + ix * w.channels);
          }
        }
      }
    }
  });
}

}  // namespace

void maxPool(const Window& w, const float* x, float* y) {
  forOutputs(w, y, [&](int64_t plane, int64_t oy, int64_t ox, float* to) {
    std::fill_n(to, w.channels, kNone);
    forTaps(w, plane, oy, ox, [&](int64_t pixel, int64_t) {
      const float* const from = x + pixel;
#pragma omp simd
      for (int64_t c = 0; c < w.channels; ++c) to[c] = from[c] > to[c] ? from[c] : to[c];
    });
  });
}

void maxPoolBackward(const Window& w, bool takesLast, const float* x, const float* dy, float* dx) {
  Arena::Scope scope;
  const int64_t outputs = w.outPixels();
  // The tap of the largest value of every output and channel; -1 where no value was larger than none.
  auto* const taps = scope.take<int32_t>(outputs * w.channels);
  auto* const largest = scope.take<float>(outputs * w.channels);
  forOutputs(w, largest, [&](int64_t plane, int64_t oy, int64_t ox, float* to) {
    int32_t* const tapOf = taps + (to - largest);
    std::fill_n(to, w.channels, kNone);
    std::fill_n(tapOf, w.channels, -1);
    forTaps(w, plane, oy, ox, [&](int64_t pixel, int64_t number) {
      const auto tap = static_cast<int32_t>(number);
      const float* const from = x + pixel;
#pragma omp simd
      for (int64_t c = 0; c < w.channels; ++c) {
        const bool larger = takesLast ? from[c] >= to[c] : from[c] > to[c];
        to[c] = larger ? from[c] : to[c];
        tapOf[c] = larger ? tap : tapOf[c];
      }
    });
  });
  forInputs(w, dx, [&](int64_t output, int32_t tap, float* to) {
    const float* const g = dy + output * w.channels;
    const int32_t* const tapOf = taps + output * w.channels;
#pragma omp simd
    for (int64_t c = 0; c < w.channels; ++c) to[c] += tapOf[c] == tap ? g[c] : 0.0f;
  });
}

void averagePool(const Window& w, const float* x, float* y) {
  forOutputs(w, y, [&](int64_t plane, int64_t oy, int64_t ox, float* to) {
    std::fill_n(to, w.channels, 0.0f);
    int64_t count = 0;
    forTaps(w, plane, oy, ox, [&](int64_t pixel, int64_t) {
      const float* const from = x + pixel;
#pragma omp simd
      for (int64_t c = 0; c < w.channels; ++c) to[c] += from[c];
      ++count;
    });
    const float size = static_cast<float>(count);
#pragma omp simd
    for (int64_t c = 0; c < w.channels; ++c) to[c] /= size;
  });
}

void averagePoolBackward(const Window& w, const float* dy, float* dx) {
  const float share = 1.0f / static_cast<float>(w.taps());
  forInputs(w, dx, [&](int64_t output, int32_t, float* to) {
    const float* const g = dy + output * w.channels;
#pragma omp simd
    for (int64_t c = 0; c < w.channels; ++c) to[c] += g[c] * share;
  });
}

}  // namespace scmoe
