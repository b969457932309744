#include "cpu/resize.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/arena.h"
#include "core/parallel.h"
#include "cpu/js_number.h"

namespace scmoe {

namespace {

/// What one output row or column is made of: (1 - share) of `low` and `share` of `high`.
struct Source {
  int64_t low, high;
  float share;
};

/// Where the outputs along one axis come from, as TF.js counts it, in double precision like there.
Source* sourcesOf(Arena::Scope& scope, const Resize& r, int64_t in, int64_t out, bool nearest) {
  auto* const sources = scope.take<Source>(out);
  const int64_t edge = r.alignCorners && out > 1 ? 1 : 0;
  const double ratio = static_cast<double>(in - edge) / static_cast<double>(out - edge);
  const auto last = static_cast<double>(in - 1);
  for (int64_t i = 0; i < out; ++i) {
    const double middle = ratio * (static_cast<double>(i) + (r.halfPixelCenters ? 0.5 : 0.0));
    if (nearest) {
      const double pixel = std::min(last, r.alignCorners ? jsRound(middle) : std::floor(middle));
      sources[i] = {static_cast<int64_t>(pixel), static_cast<int64_t>(pixel), 0.0f};
      continue;
    }
    const double at = r.halfPixelCenters ? middle - 0.5 : middle;
    const double low = std::min(last, std::max(0.0, std::floor(at)));
    const double high = std::max(0.0, std::min(last, std::ceil(at)));
    // Before the first pixel both are that one, and the share is of no difference.
    sources[i] = {static_cast<int64_t>(low), static_cast<int64_t>(high), static_cast<float>(at - low)};
  }
  return sources;
}

/// The outputs along one axis by the input that they come from: those of input i are [first[i], first[i + 1]).
struct Targets {
  const int64_t* first;
  const int64_t* outputs;
  const float* shares;
};

Targets targetsOf(Arena::Scope& scope, const Source* sources, int64_t in, int64_t out) {
  auto* const first = scope.take<int64_t>(in + 1);
  auto* const outputs = scope.take<int64_t>(2 * out);
  auto* const shares = scope.take<float>(2 * out);
  std::fill_n(first, in + 1, 0);
  for (int64_t i = 0; i < out; ++i) {
    ++first[sources[i].low + 1];
    ++first[sources[i].high + 1];
  }
  for (int64_t i = 0; i < in; ++i) first[i + 1] += first[i];
  auto* const next = scope.take<int64_t>(in);
  std::copy_n(first, in, next);
  const auto add = [&](int64_t input, int64_t output, float share) {
    outputs[next[input]] = output;
    shares[next[input]++] = share;
  };
  for (int64_t i = 0; i < out; ++i) {
    add(sources[i].low, i, 1.0f - sources[i].share);
    add(sources[i].high, i, sources[i].share);
  }
  return {first, outputs, shares};
}

/// to = the sum of `from[outputs] * shares` over the targets of one input, each `size` numbers.
void addUp(const Targets& targets, int64_t input, int64_t size, const float* from, float* to) {
  std::memset(to, 0, size * sizeof(float));
  for (int64_t i = targets.first[input]; i < targets.first[input + 1]; ++i) {
    const float* const row = from + targets.outputs[i] * size;
    const float share = targets.shares[i];
    if (share == 0.0f) continue;  // what TF.js adds as 0 times it, which is no number where the gradient is infinite
#pragma omp simd
    for (int64_t j = 0; j < size; ++j) to[j] += row[j] * share;
  }
}

void backward(const Resize& r, bool nearest, const float* dy, float* dx) {
  Arena::Scope scope;
  const Targets rows = targetsOf(scope, sourcesOf(scope, r, r.inHeight, r.outHeight, nearest), r.inHeight, r.outHeight);
  const Targets columns = targetsOf(scope, sourcesOf(scope, r, r.inWidth, r.outWidth, nearest), r.inWidth, r.outWidth);
  const int64_t inLine = r.inWidth * r.channels, outLine = r.outWidth * r.channels;
  // Columns first, each row by itself, then rows.
  auto* const narrowed = scope.take<float>(r.batch * r.outHeight * inLine);
  parallelFor(r.batch * r.outHeight, grainFor((inLine + outLine) * 8), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row)
      for (int64_t ix = 0; ix < r.inWidth; ++ix)
        addUp(columns, ix, r.channels, dy + row * outLine, narrowed + row * inLine + ix * r.channels);
  });
  parallelFor(r.batch * r.inHeight, grainFor(inLine * 12), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row)
      addUp(rows, row % r.inHeight, inLine, narrowed + row / r.inHeight * r.outHeight * inLine, dx + row * inLine);
  });
}

}  // namespace

void resizeBilinear(const Resize& r, const float* x, float* y) {
  Arena::Scope scope;
  const Source* const rows = sourcesOf(scope, r, r.inHeight, r.outHeight, false);
  const Source* const columns = sourcesOf(scope, r, r.inWidth, r.outWidth, false);
  const int64_t inLine = r.inWidth * r.channels, outLine = r.outWidth * r.channels;
  parallelFor(r.batch * r.outHeight, grainFor(outLine * 20), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const Source source = rows[row % r.outHeight];
      const float* const picture = x + row / r.outHeight * r.inHeight * inLine;
      const float *const above = picture + source.low * inLine, *const below = picture + source.high * inLine;
      float* to = y + row * outLine;
      for (int64_t ox = 0; ox < r.outWidth; ++ox, to += r.channels) {
        const int64_t left = columns[ox].low * r.channels, right = columns[ox].high * r.channels;
        const float across = columns[ox].share;
#pragma omp simd
        for (int64_t c = 0; c < r.channels; ++c) {
          const float top = above[left + c] + (above[right + c] - above[left + c]) * across;
          const float bottom = below[left + c] + (below[right + c] - below[left + c]) * across;
          to[c] = top + (bottom - top) * source.share;
        }
      }
    }
  });
}

void resizeNearest(const Resize& r, const float* x, float* y) {
  Arena::Scope scope;
  const Source* const rows = sourcesOf(scope, r, r.inHeight, r.outHeight, true);
  const Source* const columns = sourcesOf(scope, r, r.inWidth, r.outWidth, true);
  const int64_t inLine = r.inWidth * r.channels, outLine = r.outWidth * r.channels;
  parallelFor(r.batch * r.outHeight, grainFor(outLine * 8), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const float* const from = x + (row / r.outHeight * r.inHeight + rows[row % r.outHeight].low) * inLine;
      float* to = y + row * outLine;
      for (int64_t ox = 0; ox < r.outWidth; ++ox, to += r.channels)
        std::memcpy(to, from + columns[ox].low * r.channels, r.channels * sizeof(float));
    }
  });
}

void resizeBilinearBackward(const Resize& r, const float* dy, float* dx) { backward(r, false, dy, dx); }

void resizeNearestBackward(const Resize& r, const float* dy, float* dx) { backward(r, true, dy, dx); }

}  // namespace scmoe
