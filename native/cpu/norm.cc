#include "cpu/norm.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/arena.h"
#include "core/parallel.h"

namespace scmoe {

namespace {

/// Calls body(row, sums) for every row, where `sums` is the running thread's array of `width` column sums, and adds the
/// threads' arrays up in order: the same bits for the same number of threads. Behind the sums there is room for
/// `beside` numbers. The result lies in `scope`.
template <typename Body>
const float* withColumnSums(Arena::Scope& scope, int64_t rows, int64_t width, int64_t beside, const Body& body) {
  const int64_t parts = std::max<int64_t>(1, std::min<int64_t>(threads(), rows / 16)), stride = width + beside;
  auto* const all = scope.take<float>(parts * stride);
  parallelFor(parts, 1, [&](int64_t firstPart, int64_t lastPart) {
    for (int64_t part = firstPart; part < lastPart; ++part) {
      float* const sums = all + part * stride;
      std::fill(sums, sums + width, 0.0f);
      for (int64_t row = rows * part / parts; row < rows * (part + 1) / parts; ++row) body(row, sums);
    }
  });
  for (int64_t part = 1; part < parts; ++part)
    for (int64_t j = 0; j < width; ++j) all[j] += all[part * stride + j];
  return all;
}

/// Of a row that is finished: in a loop of its own, so that the gradient is rounded before it is added.
void addRow(int64_t d, const float* row, float* to) {
#pragma omp simd
  for (int64_t j = 0; j < d; ++j) to[j] += row[j];
}

}  // namespace

void layerNormForward(int64_t rows, int64_t d, const float* x, const float* weight, const float* bias, float epsilon,
                      float* y, float* mean, float* rstd) {
  parallelFor(rows, grainFor(d * 8), [&](int64_t begin, int64_t end) {
    const float *const gains = weight, *const shifts = bias;
    for (int64_t i = begin; i < end; ++i) {
      const float* const from = x + i * d;
      float* const to = y + i * d;
      float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
      for (int64_t j = 0; j < d; ++j) sum += from[j];
      const float centre = sum / static_cast<float>(d);
      float squares = 0.0f;
#pragma omp simd reduction(+ : squares)
      for (int64_t j = 0; j < d; ++j) squares += (from[j] - centre) * (from[j] - centre);
      const float scale = 1.0f / std::sqrt(squares / static_cast<float>(d) + epsilon);
#pragma omp simd
      for (int64_t j = 0; j < d; ++j) to[j] = (from[j] - centre) * scale * gains[j] + shifts[j];
      mean[i] = centre;
      rstd[i] = scale;
    }
  });
}

void layerNormBackward(int64_t rows, int64_t d, const float* dy, const float* x, const float* weight, const float* mean,
                       const float* rstd, bool adds, float* dx, float* dWeight, float* dBias) {
  Arena::Scope scope;
  const float* const sums = withColumnSums(scope, rows, 2 * d, adds ? d : 0, [&](int64_t i, float* columns) {
    const float *const g = dy + i * d, *const from = x + i * d;
    float* const to = adds ? columns + 2 * d : dx + i * d;
    float *const weightSums = columns, *const biasSums = columns + d;
    const float* const gains = weight;  // a name that a lambda refers to is looked up again for each number: a gather
    const float centre = mean[i], scale = rstd[i];
    float sum = 0.0f, dot = 0.0f;
#pragma omp simd reduction(+ : sum, dot)
    for (int64_t j = 0; j < d; ++j) {
      const float normal = (from[j] - centre) * scale, wg = gains[j] * g[j];
      sum += wg;
      dot += wg * normal;
      weightSums[j] += g[j] * normal;
      biasSums[j] += g[j];
    }
    sum /= static_cast<float>(d);
    dot /= static_cast<float>(d);
#pragma omp simd
    for (int64_t j = 0; j < d; ++j) to[j] = scale * (gains[j] * g[j] - sum - (from[j] - centre) * scale * dot);
    if (adds) addRow(d, to, dx + i * d);
  });
  std::memcpy(dWeight, sums, d * sizeof(float));
  std::memcpy(dBias, sums + d, d * sizeof(float));
}

void rmsNormForward(int64_t rows, int64_t d, const float* x, const float* weight, float epsilon, float* y,
                    float* rstd) {
  parallelFor(rows, grainFor(d * 8), [&](int64_t begin, int64_t end) {
    const float* const gains = weight;
    for (int64_t i = begin; i < end; ++i) {
      const float* const from = x + i * d;
      float* const to = y + i * d;
      float squares = 0.0f;
#pragma omp simd reduction(+ : squares)
      for (int64_t j = 0; j < d; ++j) squares += from[j] * from[j];
      const float scale = 1.0f / std::sqrt(squares / static_cast<float>(d) + epsilon);
#pragma omp simd
      for (int64_t j = 0; j < d; ++j) to[j] = from[j] * scale * gains[j];
      rstd[i] = scale;
    }
  });
}

void rmsNormBackward(int64_t rows, int64_t d, const float* dy, const float* x, const float* weight, const float* rstd,
                     bool adds, float* dx, float* dWeight) {
  Arena::Scope scope;
  const float* const sums = withColumnSums(scope, rows, d, adds ? d : 0, [&](int64_t i, float* weightSums) {
    const float *const g = dy + i * d, *const from = x + i * d;
    float* const to = adds ? weightSums + d : dx + i * d;
    const float* const gains = weight;
    const float scale = rstd[i];
    float dot = 0.0f;
#pragma omp simd reduction(+ : dot)
    for (int64_t j = 0; j < d; ++j) {
      const float normal = from[j] * scale;
      dot += gains[j] * g[j] * normal;
      weightSums[j] += g[j] * normal;
    }
    dot /= static_cast<float>(d);
#pragma omp simd
    for (int64_t j = 0; j < d; ++j) to[j] = scale * (gains[j] * g[j] - from[j] * scale * dot);
    if (adds) addRow(d, to, dx + i * d);
  });
  std::memcpy(dWeight, sums, d * sizeof(float));
}

}  // namespace scmoe
