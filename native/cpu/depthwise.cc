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

/// As many channels side by side as fit where there are fewer than a register holds.
template <int kWidth>
struct Channels {
  typedef float Type __attribute__((vector_size(kWidth * 4)));

  static Type load(const float* from) {
    Type value;
    std::memcpy(&value, from, sizeof value);
    return value;
  }
  static void store(float* to, Type value) { std::memcpy(to, &value, sizeof value); }
};

/// One row of outputs: the taps of its filter that are inside, from `firstTap` on, and where they read.
struct OutputRow {
  const Window& w;
  const float* image;
  const float* filter;
  int64_t top;                // input row of the first line of the filter, which may be outside
  int64_t firstTap, lastTap;  // lines of the filter that are inside
  float* to;

  OutputRow(const Window& window, const float* x, const float* weights, int64_t row, float* y)
      : w(window),
        image(x + row / window.outHeight * window.inHeight * window.inWidth * window.channels),
        filter(weights),
        top(window.inputRow(row % window.outHeight, 0)),
        firstTap(top < 0 ? (-top + window.dilationHeight - 1) / window.dilationHeight : 0),
        lastTap(top >= window.inHeight
                    ? 0
                    : std::min(window.filterHeight, (window.inHeight - top - 1) / window.dilationHeight + 1)),
        to(y) {}

  /// kPixels outputs side by side, kVectors vectors of kWidth channels from `c` on; all their taps are inside where not
  /// kChecked.
  template <int kWidth, int kPixels, int kVectors, bool kChecked>
  void sum(int64_t ox, int64_t c) const {
    using Vector = Channels<kWidth>;
    typename Vector::Type sums[kPixels][kVectors] = {};
    const int64_t left = w.inputColumn(ox, 0), step = w.strideWidth * w.channels;
    for (int64_t fy = firstTap; fy < lastTap; ++fy) {
      const float* const line = image + (top + fy * w.dilationHeight) * w.inWidth * w.channels + c;
      const float* weights = filter + fy * w.filterWidth * w.channels + c;
      for (int64_t fx = 0; fx < w.filterWidth; ++fx, weights += w.channels) {
        const int64_t ix = left + fx * w.dilationWidth;
        if (kChecked && (ix < 0 || ix >= w.inWidth)) continue;
        const float* const from = line + ix * w.channels;
        for (int v = 0; v < kVectors; ++v) {
          const auto weight = Vector::load(weights + v * kWidth);
          for (int p = 0; p < kPixels; ++p) sums[p][v] += Vector::load(from + p * step + v * kWidth) * weight;
        }
      }
    }
    for (int p = 0; p < kPixels; ++p)
      for (int v = 0; v < kVectors; ++v) Vector::store(to + (ox + p) * w.channels + c + v * kWidth, sums[p][v]);
  }

  /// All outputs, kVectors vectors of kWidth channels from `c` on.
  template <int kWidth, int kVectors>
  void sumAll(int64_t c) const {
    constexpr int kPixels = 4;
    // Outputs from `inside` to `outside` have all columns of the filter within the picture.
    const int64_t reach = (w.filterWidth - 1) * w.dilationWidth;
    const int64_t inside = std::min(w.outWidth, (w.left + w.strideWidth - 1) / w.strideWidth);
    const int64_t room = w.inWidth - 1 - reach + w.left;
    const int64_t outside = std::max(inside, std::min(w.outWidth, room < 0 ? 0 : room / w.strideWidth + 1));
    int64_t ox = 0;
    for (; ox < inside; ++ox) sum<kWidth, 1, kVectors, true>(ox, c);
    for (; ox + kPixels <= outside; ox += kPixels) sum<kWidth, kPixels, kVectors, false>(ox, c);
    for (; ox < outside; ++ox) sum<kWidth, 1, kVectors, false>(ox, c);
    for (; ox < w.outWidth; ++ox) sum<kWidth, 1, kVectors, true>(ox, c);
  }

  /// One channel: where there are fewer than the shortest vector has.
  void sumChannel(int64_t c) const {
    for (int64_t ox = 0; ox < w.outWidth; ++ox) {
      float sum = 0.0f;
      for (int64_t fy = firstTap; fy < lastTap; ++fy) {
        for (int64_t fx = 0; fx < w.filterWidth; ++fx) {
          const int64_t ix = w.inputColumn(ox, fx);
          if (ix < 0 || ix >= w.inWidth) continue;
          sum += image[((top + fy * w.dilationHeight) * w.inWidth + ix) * w.channels + c] *
                 filter[(fy * w.filterWidth + fx) * w.channels + c];
        }
      }
      to[ox * w.channels + c] = sum;
    }
  }

  /// All channels from `c` on, in vectors of kWidth.
  template <int kWidth>
  void sumChannels(int64_t c) const {
    for (; c + kWidth <= w.channels; c += kWidth) sumAll<kWidth, 1>(c);
    if (c == w.channels) return;
    if (w.channels >= kWidth) {
      // The last ones once more together with some before them, which come out the same.
      sumAll<kWidth, 1>(w.channels - kWidth);
    } else if constexpr (kWidth > 4) {
      sumChannels<kWidth / 2>(c);
    } else {
      for (; c < w.channels; ++c) sumChannel(c);
    }
  }

  void sumChannels() const {
    constexpr int kTogether = 16 / kLanes > 0 ? 16 / kLanes : 1;
    int64_t c = 0;
    for (; c + kTogether * kLanes <= w.channels; c += kTogether * kLanes) sumAll<kLanes, kTogether>(c);
    sumChannels<kLanes>(c);
  }
};

/// Several filters for each channel: seldom, and without a vector's help.
void forwardPixelWithMultiplier(const Window& w, int64_t multiplier, const float* x, const float* filter, int64_t n,
                                int64_t oy, int64_t ox, float* to) {
  const int64_t outChannels = w.channels * multiplier;
  std::fill_n(to, outChannels, 0.0f);
  forTaps(w, n, oy, ox, [&](int64_t pixel, int64_t tap) {
    const float *const from = x + pixel, *const weights = filter + tap * outChannels;
    for (int64_t c = 0; c < w.channels; ++c)
      for (int64_t m = 0; m < multiplier; ++m) to[c * multiplier + m] += from[c] * weights[c * multiplier + m];
  });
}

}  // namespace

void depthwiseForward(const Window& w, int64_t multiplier, const float* x, const float* filter,
                      const Epilogue& epilogue, float* y) {
  const int64_t outChannels = w.channels * multiplier, line = w.outWidth * outChannels;
  if (w.outPixels() * outChannels == 0) return;
  parallelFor(w.batch * w.outHeight, grainFor(line * w.taps() * 4), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      float* const to = y + row * line;
      if (multiplier == 1) {
        OutputRow(w, x, filter, row, to).sumChannels();
      } else {
        for (int64_t ox = 0; ox < w.outWidth; ++ox)
          forwardPixelWithMultiplier(w, multiplier, x, filter, row / w.outHeight, row % w.outHeight, ox,
                                     to + ox * outChannels);
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
