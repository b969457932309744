#include "cpu/pack.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "core/arena.h"
#include "core/error.h"
#include "core/parallel.h"

namespace scmoe {

namespace {

/// The choice (t * topK + j) behind each row, -1 where there is none: lets rows be written in parallel and in order.
const int32_t* choiceOfRow(Arena::Scope& scope, const char* what, int64_t choices, int64_t numRows,
                           const int32_t* slots) {
  auto* const choice = scope.take<int32_t>(numRows);
  std::fill(choice, choice + numRows, -1);
  for (int64_t i = 0; i < choices; ++i) {
    const int32_t row = slots[i];
    if (row < 0) continue;
    if (row >= numRows || choice[row] >= 0)
      throw ArgumentError(std::string(what) + ": slots[" + std::to_string(i) + "]: expected a free row below " +
                          std::to_string(numRows) + ", got " + std::to_string(row));
    choice[row] = static_cast<int32_t>(i);
  }
  return choice;
}

void checkSlots(const char* what, int64_t choices, int64_t numRows, const int32_t* slots) {
  for (int64_t i = 0; i < choices; ++i)
    if (slots[i] >= numRows)
      throw ArgumentError(std::string(what) + ": slots[" + std::to_string(i) + "]: expected a row below " +
                          std::to_string(numRows) + ", got " + std::to_string(slots[i]));
}

}  // namespace

void encodeForward(int64_t tokens, int64_t topK, int64_t d, int64_t numRows, const float* x, const int32_t* slots,
                   float* rows) {
  Arena::Scope scope;
  const int32_t* const choice = choiceOfRow(scope, "encode", tokens * topK, numRows, slots);
  parallelFor(numRows, grainFor(d * 8), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      if (choice[row] < 0) {
        std::memset(rows + row * d, 0, d * sizeof(float));
      } else {
        std::memcpy(rows + row * d, x + choice[row] / topK * d, d * sizeof(float));
      }
    }
  });
}

void encodeBackward(int64_t tokens, int64_t topK, int64_t d, int64_t numRows, const float* dRows, const int32_t* slots,
                    float* dx) {
  checkSlots("encode", tokens * topK, numRows, slots);
  parallelFor(tokens, grainFor(d * 8), [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      float* const to = dx + t * d;
      bool first = true;
      for (int64_t j = 0; j < topK; ++j) {
        const int32_t row = slots[t * topK + j];
        if (row < 0) continue;
        const float* const from = dRows + row * d;
        if (first) {
          std::memcpy(to, from, d * sizeof(float));
        } else {
#pragma omp simd
          for (int64_t i = 0; i < d; ++i) to[i] += from[i];
        }
        first = false;
      }
      if (first) std::memset(to, 0, d * sizeof(float));
    }
  });
}

void decodeForward(int64_t tokens, int64_t topK, int64_t d, int64_t numRows, const float* rows, const float* weights,
                   const int32_t* slots, float* y) {
  {
    // What the gradient would refuse: TF.js keeps what it has saved for a gradient that throws.
    Arena::Scope scope;
    choiceOfRow(scope, "decode", tokens * topK, numRows, slots);
  }
  parallelFor(tokens, grainFor(d * 8), [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      float* const to = y + t * d;
      bool first = true;
      for (int64_t j = 0; j < topK; ++j) {
        const int32_t row = slots[t * topK + j];
        if (row < 0) continue;
        const float* const from = rows + row * d;
        const float weight = weights[t * topK + j];
        if (first) {
#pragma omp simd
          for (int64_t i = 0; i < d; ++i) to[i] = weight * from[i];
        } else {
#pragma omp simd
          for (int64_t i = 0; i < d; ++i) to[i] += weight * from[i];
        }
        first = false;
      }
      if (first) std::memset(to, 0, d * sizeof(float));
    }
  });
}

void decodeBackward(int64_t tokens, int64_t topK, int64_t d, int64_t numRows, const float* dy, const float* rows,
                    const float* weights, const int32_t* slots, float* dRows, float* dWeights) {
  const int64_t choices = tokens * topK;
  Arena::Scope scope;
  const int32_t* const choice = choiceOfRow(scope, "decode", choices, numRows, slots);
  for (int64_t i = 0; i < choices; ++i)
    if (slots[i] < 0) dWeights[i] = 0.0f;
  parallelFor(numRows, grainFor(d * 12), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      float* const to = dRows + row * d;
      if (choice[row] < 0) {
        std::memset(to, 0, d * sizeof(float));
        continue;
      }
      const float *const from = rows + row * d, *const g = dy + choice[row] / topK * d;
      const float weight = weights[choice[row]];
      float dot = 0.0f;
#pragma omp simd reduction(+ : dot)
      for (int64_t i = 0; i < d; ++i) {
        dot += g[i] * from[i];
        to[i] = weight * g[i];
      }
      dWeights[choice[row]] = dot;
    }
  });
}

}  // namespace scmoe
