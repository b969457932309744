#include "cpu/convolution.h"

#include <algorithm>
#include <cstring>

#include "core/arena.h"
#include "core/parallel.h"
#include "cpu/gemm.h"

namespace scmoe {

namespace {

/// Rows of `columns` floats that fill about a quarter of a second-level cache, a multiple of the 6 that are multiplied
/// together.
int64_t rowsInCache(int64_t columns) { return std::clamp<int64_t>(32768 / columns / 6 * 6, 24, 96); }

/// rows (filterHeight * filterWidth * channels): what pixel (oy, ox) of an output picture reads in one input picture.
void gatherInput(const Window& w, const float* picture, int64_t oy, int64_t ox, float* rows) {
  const int64_t width = w.filterWidth * w.channels;
  const int64_t column = w.inputColumn(ox, 0);
  const bool inside = w.dilationWidth == 1 && column >= 0 && column + w.filterWidth <= w.inWidth;
  for (int64_t fy = 0; fy < w.filterHeight; ++fy, rows += width) {
    const int64_t iy = w.inputRow(oy, fy);
    if (iy < 0 || iy >= w.inHeight) {
      std::memset(rows, 0, width * sizeof(float));
      continue;
    }
    const float* const line = picture + iy * w.inWidth * w.channels;
    if (inside) {
      std::memcpy(rows, line + column * w.channels, width * sizeof(float));
      continue;
    }
    for (int64_t fx = 0; fx < w.filterWidth; ++fx) {
      const int64_t ix = w.inputColumn(ox, fx);
      float* const to = rows + fx * w.channels;
      if (ix < 0 || ix >= w.inWidth)
        std::memset(to, 0, w.channels * sizeof(float));
      else
        std::memcpy(to, line + ix * w.channels, w.channels * sizeof(float));
    }
  }
}

/// rows (count, taps * channels): what output pixels from `first` on read.
void gatherInputs(const Window& w, const float* x, int64_t first, int64_t count, float* rows) {
  const int64_t size = w.filterHeight * w.filterWidth * w.channels, picture = w.inHeight * w.inWidth * w.channels;
  for (int64_t i = first; i < first + count; ++i) {
    const int64_t ox = i % w.outWidth, oy = i / w.outWidth % w.outHeight, plane = i / w.outWidth / w.outHeight;
    for (int64_t fd = 0; fd < w.filterDepth; ++fd, rows += size) {
      const int64_t from = w.inputPlane(plane, fd);
      if (from < 0)
        std::memset(rows, 0, size * sizeof(float));
      else
        gatherInput(w, x + from * picture, oy, ox, rows);
    }
  }
}

/// rows (count, taps * outChannels): the values of dy to whose outputs input pixels from `first` on have gone.
void gatherOutputs(const Window& w, int64_t outChannels, const float* dy, int64_t first, int64_t count, float* rows) {
  for (int64_t i = first; i < first + count; ++i) {
    const int64_t ix = i % w.inWidth, iy = i / w.inWidth % w.inHeight, plane = i / w.inWidth / w.inHeight;
    for (int64_t fd = 0; fd < w.filterDepth; ++fd) {
      const int64_t to = w.outputPlane(plane, fd);
      for (int64_t fy = 0; fy < w.filterHeight; ++fy) {
        const int64_t oy = w.outputRow(iy, fy);
        for (int64_t fx = 0; fx < w.filterWidth; ++fx, rows += outChannels) {
          const int64_t ox = w.outputColumn(ix, fx);
          if (to < 0 || oy < 0 || ox < 0)
            std::memset(rows, 0, outChannels * sizeof(float));
          else
            std::memcpy(rows, dy + ((to * w.outHeight + oy) * w.outWidth + ox) * outChannels,
                        outChannels * sizeof(float));
        }
      }
    }
  }
}

/// Calls body(first, count) for blocks of rows, with all threads.
template <typename Body>
void forBlocks(int64_t rows, int64_t size, int64_t workPerRow, const Body& body) {
  const int64_t grain = std::max<int64_t>(6, (1 << 18) / std::max<int64_t>(1, workPerRow));
  parallelFor(rows, grain, [&](int64_t begin, int64_t end) {
    for (int64_t first = begin; first < end; first += size) body(first, std::min(size, end - first));
  });
}

/// With a step of 1 every input pixel has gone to an output by each tap, but for the edges.
void backwardInputByGathering(const Window& w, int64_t outChannels, const float* dy, const float* filter, float* dx) {
  Arena::Scope scope;
  const int64_t k = w.taps() * outChannels, pixels = w.inPixels();
  auto* const turned = scope.take<float>(k * w.channels);  // (taps, outChannels, channels)
  for (int64_t tap = 0; tap < w.taps(); ++tap)
    for (int64_t c = 0; c < w.channels; ++c)
      for (int64_t o = 0; o < outChannels; ++o)
        turned[(tap * outChannels + o) * w.channels + c] = filter[(tap * w.channels + c) * outChannels + o];
  const SharedOperand shared(scope, pixels, false, w.channels, k, turned, w.channels);
  forBlocks(pixels, rowsInCache(k), 2 * k * w.channels, [&](int64_t first, int64_t count) {
    Arena::Scope own;
    auto* const rows = own.take<float>(count * k);
    gatherOutputs(w, outChannels, dy, first, count, rows);
    shared.multiply(count, rows, k, dx + first * w.channels, w.channels);
  });
}

/// A row of inputs from the products (outputs, taps, channels) of its own picture or volume, of which it is in picture
/// `plane`.
void addProducts(const Window& w, const float* products, int64_t plane, int64_t iy, float* to) {
  std::memset(to, 0, w.inWidth * w.channels * sizeof(float));
  for (int64_t ix = 0; ix < w.inWidth; ++ix, to += w.channels) {
    for (int64_t fd = 0; fd < w.filterDepth; ++fd) {
      const int64_t od = w.outputPlane(plane, fd);
      for (int64_t fy = 0; fy < w.filterHeight && od >= 0; ++fy) {
        const int64_t oy = w.outputRow(iy, fy);
        for (int64_t fx = 0; fx < w.filterWidth && oy >= 0; ++fx) {
          const int64_t ox = w.outputColumn(ix, fx);
          if (ox < 0) continue;
          const int64_t output = (od * w.outHeight + oy) * w.outWidth + ox;
          const int64_t tap = (fd * w.filterHeight + fy) * w.filterWidth + fx;
          const float* const from = products + (output * w.taps() + tap) * w.channels;
#pragma omp simd
          for (int64_t c = 0; c < w.channels; ++c) to[c] += from[c];
        }
      }
    }
  }
}

/// With a larger step most taps of an input pixel are none: products of what there is, image by image, then added up by
/// input pixel.
void backwardInputByAdding(const Window& w, int64_t outChannels, const float* dy, const float* filter, float* dx) {
  Arena::Scope scope;
  const int64_t k = w.taps() * w.channels, outputs = w.outDepth * w.outHeight * w.outWidth;
  auto* const products = scope.take<float>(outputs * k);  // (outputs, taps, channels)
  const int64_t line = w.inWidth * w.channels, lines = w.inDepth * w.inHeight;
  for (int64_t n = 0; n < w.batch; ++n) {
    gemmFloat32(false, true, outputs, k, outChannels, 1.0f, dy + n * outputs * outChannels, outChannels, filter,
                outChannels, 0.0f, products, k);
    parallelFor(lines, grainFor(line * 16), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row)
        addProducts(w, products, row / w.inHeight, row % w.inHeight, dx + (n * lines + row) * line);
    });
  }
}

}  // namespace

void convolutionForward(const Window& w, int64_t outChannels, const float* x, const float* filter,
                        const Epilogue& epilogue, float* y) {
  const int64_t pixels = w.outPixels(), k = w.taps() * w.channels;
  if (pixels == 0 || outChannels == 0) return;
  if (k == 0) {
    std::memset(y, 0, pixels * outChannels * sizeof(float));
    return epilogue.apply(y, pixels, outChannels);
  }
  Arena::Scope scope;
  const SharedOperand shared(scope, pixels, false, outChannels, k, filter, outChannels);
  const bool inPlace = w.isPointwise();
  forBlocks(pixels, inPlace ? shared.blockRows(outChannels) : rowsInCache(k), 2 * k * outChannels,
            [&](int64_t first, int64_t count) {
              float* const out = y + first * outChannels;
              if (inPlace) {
                shared.multiply(count, x + first * k, k, out, outChannels);
              } else {
                Arena::Scope own;
                auto* const rows = own.take<float>(count * k);
                gatherInputs(w, x, first, count, rows);
                shared.multiply(count, rows, k, out, outChannels);
              }
              epilogue.apply(out, count, outChannels);
            });
}

void convolutionBackwardFilter(const Window& w, int64_t outChannels, const float* x, const float* dy, float* dFilter) {
  const int64_t pixels = w.outPixels(), k = w.taps() * w.channels;
  if (k == 0 || outChannels == 0) return;
  if (pixels == 0) {
    std::memset(dFilter, 0, k * outChannels * sizeof(float));
    return;
  }
  if (w.isPointwise())
    return gemmFloat32(true, false, k, outChannels, pixels, 1.0f, x, k, dy, outChannels, 0.0f, dFilter, outChannels);
  // So many pixels at once that all threads have rows of the filter to work at; always as many, so that sums repeat.
  const int64_t size = std::clamp<int64_t>((1 << 20) / k, 96, 1536);
  Arena::Scope scope;
  auto* const rows = scope.take<float>(std::min(size, pixels) * k);
  for (int64_t first = 0; first < pixels; first += size) {
    const int64_t count = std::min(size, pixels - first);
    parallelFor(count, grainFor(k * 8),
                [&](int64_t begin, int64_t end) { gatherInputs(w, x, first + begin, end - begin, rows + begin * k); });
    gemmFloat32(true, false, k, outChannels, count, 1.0f, rows, k, dy + first * outChannels, outChannels,
                first == 0 ? 0.0f : 1.0f, dFilter, outChannels);
  }
}

void convolutionBackwardInput(const Window& w, int64_t outChannels, const float* dy, const float* filter, float* dx) {
  const int64_t size = w.inPixels() * w.channels;
  if (size == 0) return;
  if (w.outPixels() == 0 || outChannels == 0 || w.taps() == 0) {
    std::memset(dx, 0, size * sizeof(float));
    return;
  }
  if (!w.hasStride()) return backwardInputByGathering(w, outChannels, dy, filter, dx);
  backwardInputByAdding(w, outChannels, dy, filter, dx);
}

}  // namespace scmoe
