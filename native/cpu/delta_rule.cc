#include "cpu/delta_rule.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/arena.h"
#include "core/parallel.h"
#include "cpu/simd.h"
#include "cpu/vector_math.h"

namespace scmoe {

namespace {

/// Columns of a state that one thread works on: their sums stay in registers, their rows in the first-level cache.
constexpr int64_t kVectors = 4;
constexpr int64_t kColumns = kVectors * kLanes;
/// Added under the root by which queries and keys become of length 1.
constexpr float kLengthEpsilon = 1e-6f;

/// The row of a token, which may be one of those before; null before the first of all.
const float* rowOf(const DeltaShape& shape, const float* mixed, const DeltaPast& past, int64_t token) {
  if (token >= 0) return mixed + token * shape.channels();
  return past.taps ? past.taps + (shape.before + token) * shape.channels() : nullptr;
}

/// Queries, keys and values of a token, as the rule reads them.
void activate(const DeltaShape& shape, const float* mixed, const float* convolution, const DeltaPast& past,
              int64_t token, float* to) {
  const int64_t channels = shape.channels();
  std::fill(to, to + channels, 0.0f);
  for (int64_t m = 0; m <= shape.before; ++m) {
    const float* const from = rowOf(shape, mixed, past, token - shape.before + m);
    if (!from) continue;
    const float* const weight = convolution + m * channels;
#pragma omp simd
    for (int64_t c = 0; c < channels; ++c) to[c] += weight[c] * from[c];
  }
#pragma omp simd
  for (int64_t c = 0; c < channels; ++c) to[c] *= vsigmoid(to[c]);
  for (int64_t head = 0; head < 2 * shape.keyHeads; ++head) {
    float* const row = to + head * shape.keySize;
    float squares = 0.0f;
#pragma omp simd reduction(+ : squares)
    for (int64_t i = 0; i < shape.keySize; ++i) squares += row[i] * row[i];
    const bool isQuery = head < shape.keyHeads;
    const float scale = 1.0f / std::sqrt(isQuery ? static_cast<float>(shape.keySize) : 1.0f);
    const float factor = scale / std::sqrt(squares + kLengthEpsilon);
#pragma omp simd
    for (int64_t i = 0; i < shape.keySize; ++i) row[i] *= factor;
  }
}

/// The rule for `width` columns of the state of a head from `column` on.
void takeColumns(const DeltaShape& shape, const float* activated, const float* beta, const float* logDecay,
                 const float* past, int64_t head, int64_t column, int64_t width, float* out, float* state) {
  Arena::Scope scope;
  const int64_t rows = shape.keySize, size = shape.valueSize, channels = shape.channels();
  const int64_t keyHead = head / (shape.valueHeads / shape.keyHeads), keys = shape.keyHeads * rows;
  float* const own = scope.take<float>(rows * kColumns);
  std::fill(own, own + rows * kColumns, 0.0f);
  const int64_t place = head * rows * size + column;
  if (past)
    for (int64_t i = 0; i < rows; ++i) std::memcpy(own + i * kColumns, past + place + i * size, width * sizeof(float));

  float values[kColumns] = {}, results[kColumns];
  for (int64_t token = 0; token < shape.tokens; ++token) {
    const float* const q = activated + token * channels + keyHead * rows;
    const float* const k = q + keys;
    std::memcpy(values, activated + token * channels + 2 * keys + head * size + column, width * sizeof(float));
    const float decay = std::exp(logDecay[token * shape.valueHeads + head]);
    const float replaced = beta[token * shape.valueHeads + head];
    Vec recalled[kVectors] = {}, change[kVectors], sums[kVectors] = {};
    for (int64_t i = 0; i < rows; ++i)
#pragma GCC unroll 4
      for (int64_t j = 0; j < kVectors; ++j) recalled[j] += k[i] * load(own + i * kColumns + j * kLanes);
#pragma GCC unroll 4
    for (int64_t j = 0; j < kVectors; ++j) change[j] = replaced * (load(values + j * kLanes) - decay * recalled[j]);
    for (int64_t i = 0; i < rows; ++i)
#pragma GCC unroll 4
      for (int64_t j = 0; j < kVectors; ++j) {
        float* const at = own + i * kColumns + j * kLanes;
        const Vec next = decay * load(at) + k[i] * change[j];
        store(at, next);
        sums[j] += q[i] * next;
      }
#pragma GCC unroll 4
    for (int64_t j = 0; j < kVectors; ++j) store(results + j * kLanes, sums[j]);
    std::memcpy(out + (token * shape.valueHeads + head) * size + column, results, width * sizeof(float));
  }
  for (int64_t i = 0; i < rows; ++i) std::memcpy(state + place + i * size, own + i * kColumns, width * sizeof(float));
}

}  // namespace

void deltaRule(const DeltaShape& shape, const float* mixed, const float* beta, const float* logDecay,
               const float* convolution, const DeltaPast& past, float* out, float* taps, float* state) {
  Arena::Scope scope;
  const int64_t channels = shape.channels();
  float* const activated = scope.take<float>(shape.tokens * channels);
  parallelFor(shape.tokens, grainFor((shape.before + 2) * channels * 4), [&](int64_t begin, int64_t end) {
    for (int64_t token = begin; token < end; ++token)
      activate(shape, mixed, convolution, past, token, activated + token * channels);
  });
  const int64_t blocks = (shape.valueSize + kColumns - 1) / kColumns;
  parallelFor(shape.valueHeads * blocks, grainFor((2 + shape.tokens) * shape.keySize * kColumns * 4),
              [&](int64_t begin, int64_t end) {
                for (int64_t index = begin; index < end; ++index) {
                  const int64_t column = index % blocks * kColumns;
                  takeColumns(shape, activated, beta, logDecay, past.state, index / blocks, column,
                              std::min(kColumns, shape.valueSize - column), out, state);
                }
              });
  for (int64_t row = 0; row < shape.before; ++row) {
    const float* const from = rowOf(shape, mixed, past, shape.tokens - shape.before + row);
    float* const to = taps + row * channels;
    if (from)
      std::memcpy(to, from, channels * sizeof(float));
    else
      std::fill(to, to + channels, 0.0f);
  }
}

}  // namespace scmoe
