#include "cpu/cross_entropy.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/arena.h"
#include "core/error.h"
#include "core/parallel.h"
#include "cpu/simd.h"
#include "cpu/vector_math.h"

namespace scmoe {

int64_t checkTargets(const char* function, int64_t rows, int64_t classes, const int32_t* targets, int32_t ignore) {
  int64_t counted = 0;
  for (int64_t i = 0; i < rows; ++i) {
    if (targets[i] == ignore) continue;
    if (targets[i] < 0 || targets[i] >= classes)
      throw ArgumentError(std::string(function) + ": targets[" + std::to_string(i) + "]: expected 0 to " +
                          std::to_string(classes - 1) + " or " + std::to_string(ignore) + ", got " +
                          std::to_string(targets[i]));
    ++counted;
  }
  return counted;
}

int64_t crossEntropyForward(int64_t rows, int64_t classes, const float* logits, const int32_t* targets, int32_t ignore,
                            float smoothing, float* loss, float* logsumexp) {
  const int64_t counted = checkTargets("softmaxCrossEntropy", rows, classes, targets, ignore);
  Arena::Scope scope;
  auto* const losses = scope.take<float>(rows);
  parallelFor(rows, grainFor(classes * 4), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float* const row = logits + i * classes;
      const float largest = largestOf(row, classes);
      float sum = 0.0f, total = 0.0f;
#pragma omp simd reduction(+ : sum, total)
      for (int64_t j = 0; j < classes; ++j) {
        sum += vexp(row[j] - largest);
        total += row[j];
      }
      const float lse = largest + std::log(sum);
      logsumexp[i] = lse;
      losses[i] = targets[i] == ignore ? 0.0f : (1.0f - smoothing) * (lse - row[targets[i]]);
      // A logit of -infinity, a class that is ruled out, makes `total` infinite, and 0 times that would be NaN.
      if (targets[i] != ignore && smoothing != 0.0f)
        losses[i] += smoothing * (lse - total / static_cast<float>(classes));
    }
  });
  double sum = 0.0;
  for (int64_t i = 0; i < rows; ++i) sum += losses[i];
  *loss = counted ? static_cast<float>(sum / static_cast<double>(counted)) : 0.0f;
  return counted;
}

void crossEntropyBackward(int64_t rows, int64_t classes, const float* logits, const int32_t* targets, int32_t ignore,
                          float smoothing, const float* logsumexp, float counted, float dLoss, float* dLogits) {
  checkTargets("softmaxCrossEntropy", rows, classes, targets, ignore);
  const float scale = counted > 0.0f ? dLoss / counted : 0.0f;
  const float uniform = smoothing / static_cast<float>(classes);
  parallelFor(rows, grainFor(classes * 8), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      float* const to = dLogits + i * classes;
      if (targets[i] == ignore) {
        std::fill(to, to + classes, 0.0f);
        continue;
      }
      const float* const row = logits + i * classes;
      const float lse = logsumexp[i];
#pragma omp simd
      for (int64_t j = 0; j < classes; ++j) to[j] = scale * (vexp(row[j] - lse) - uniform);
      to[targets[i]] -= scale * (1.0f - smoothing);
    }
  });
}

}  // namespace scmoe
