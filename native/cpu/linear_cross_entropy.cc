#include "cpu/linear_cross_entropy.h"

#include <algorithm>
#include <cmath>

#include "core/arena.h"
#include "core/parallel.h"
#include "cpu/cross_entropy.h"
#include "cpu/gemm.h"
#include "cpu/simd.h"
#include "cpu/tiled_cross_entropy.h"
#include "cpu/vector_math.h"

namespace scmoe {

namespace {

constexpr int64_t kFewestRows = 32;

int64_t pieceRows(const LinearCrossEntropy& shape) {
  return std::min(shape.rows, std::max(kFewestRows, shape.pieceFloats / shape.classes));
}

/// Makes logits (classes) the loss's gradient by them, `scale` of one target's, and returns the loss of the row.
float finishRow(const LinearCrossEntropy& shape, int32_t target, const float* bias, float scale, bool wantsGradient,
                float* row) {
  const int64_t classes = shape.classes;
  if (bias) {
#pragma omp simd
    for (int64_t j = 0; j < classes; ++j) row[j] += bias[j];
  }
  if (target == shape.ignore) {
    if (wantsGradient) std::fill(row, row + classes, 0.0f);
    return 0.0f;
  }
  const float smoothing = shape.smoothing, ofTarget = row[target], largest = largestOf(row, classes);
  float sum = 0.0f, total = 0.0f;
#pragma omp simd reduction(+ : sum, total)
  for (int64_t j = 0; j < classes; ++j) {
    sum += vexp(row[j] - largest);
    total += row[j];
  }
  const float lse = largest + std::log(sum);
  float loss = (1.0f - smoothing) * (lse - ofTarget);
  // As in crossEntropyForward: 0 times an infinite total would be NaN.
  if (smoothing != 0.0f) loss += smoothing * (lse - total / static_cast<float>(classes));
  if (wantsGradient) {
    // Each number as crossEntropyBackward makes it: a model of few classes trains by the same bits as by all its
    // logits.
    const float uniform = smoothing / static_cast<float>(classes);
#pragma omp simd
    for (int64_t j = 0; j < classes; ++j) row[j] = scale * (vexp(row[j] - lse) - uniform);
    row[target] -= scale * (1.0f - smoothing);
  }
  return loss;
}

/// sums (columns) += the rows, which each thread adds up for columns of its own: the order is the same for any number.
void addRows(int64_t rows, int64_t columns, const float* matrix, float* sums) {
  parallelFor(columns, grainFor(rows * 4), [&](int64_t begin, int64_t end) {
    for (int64_t i = 0; i < rows; ++i) {
      const float* const row = matrix + i * columns;
#pragma omp simd
      for (int64_t j = begin; j < end; ++j) sums[j] += row[j];
    }
  });
}

/// By products of a library, with the losses (rows).
void crossEntropyOfPieces(const LinearCrossEntropy& shape, float scale, const float* x, const float* weight,
                          const float* bias, const int32_t* targets, float* losses, float* dx, float* dWeight,
                          float* dBias) {
  const int64_t rows = shape.rows, dIn = shape.dIn, classes = shape.classes;
  const bool transposed = shape.transposed, wantsGradient = dx || dWeight || dBias;
  const int64_t widthOfWeight = transposed ? dIn : classes;
  Arena::Scope scope;
  const int64_t size = pieceRows(shape);
  auto* const logits = scope.take<float>(size * classes);
  for (int64_t first = 0; first < rows; first += size) {
    const int64_t count = std::min(size, rows - first);
    const float* const piece = x + first * dIn;
    gemm(false, transposed, count, classes, dIn, 1, piece, dIn, weight, widthOfWeight, 0, logits, classes);
    parallelFor(count, grainFor(classes * 8), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        losses[first + i] = finishRow(shape, targets[first + i], bias, scale, wantsGradient, logits + i * classes);
    });
    if (dx)
      gemm(false, !transposed, count, dIn, classes, 1, logits, classes, weight, widthOfWeight, 0, dx + first * dIn,
           dIn);
    const float before = first == 0 ? 0.0f : 1.0f;
    if (dWeight && transposed)
      gemm(true, false, classes, dIn, count, 1, logits, classes, piece, dIn, before, dWeight, dIn);
    if (dWeight && !transposed)
      gemm(true, false, dIn, classes, count, 1, piece, dIn, logits, classes, before, dWeight, classes);
    if (dBias) addRows(count, classes, logits, dBias);
  }
}

}  // namespace

void linearCrossEntropy(const LinearCrossEntropy& shape, const float* x, const float* weight, const float* bias,
                        const int32_t* targets, float* loss, float* dx, float* dWeight, float* dBias) {
  const int64_t rows = shape.rows, classes = shape.classes;
  const int64_t counted = checkTargets("linearCrossEntropy", rows, classes, targets, shape.ignore);
  const float scale = counted ? 1.0f / static_cast<float>(counted) : 0.0f;
  if (dBias) std::fill(dBias, dBias + classes, 0.0f);
  if (dWeight && rows == 0) std::fill(dWeight, dWeight + shape.dIn * classes, 0.0f);

  Arena::Scope scope;
  auto* const losses = scope.take<float>(rows);
  if (tilesCrossEntropy(precision() == Precision::kBf16, shape.dIn, shape.classes))
    tiledCrossEntropy(shape, scale, x, weight, bias, targets, losses, dx, dWeight, dBias);
  else
    crossEntropyOfPieces(shape, scale, x, weight, bias, targets, losses, dx, dWeight, dBias);
  double sum = 0.0;
  for (int64_t i = 0; i < rows; ++i) sum += losses[i];
  *loss = counted ? static_cast<float>(sum / static_cast<double>(counted)) : 0.0f;
}

void scaleGradient(int64_t count, float factor, float* gradient) {
  if (factor == 1.0f) return;
  parallelFor(count, grainFor(8), [&](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) gradient[i] *= factor;
  });
}

}  // namespace scmoe
