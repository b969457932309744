#include "cpu/adamw.h"

#include <algorithm>
#include <cmath>

#include "core/parallel.h"
#include "cpu/bf16.h"
#include "cpu/squares.h"

namespace scmoe {

namespace {

void update(const AdamWStep& step, const AdamWParameter& a, int64_t begin, int64_t end) {
  const float *parameter = a.parameter, *gradient = a.gradient, *m = a.m, *v = a.v;
  float *newParameter = a.newParameter, *newM = a.newM, *newV = a.newV;
  const float beta1 = step.beta1, beta2 = step.beta2, rest1 = 1.0f - beta1, rest2 = 1.0f - beta2;
  // simd: arrays are the same or apart, element by element
#pragma omp simd
  for (int64_t i = begin; i < end; ++i) {
    const float g = gradient[i] * step.gradScale;
    const float first = beta1 * m[i] + rest1 * g;
    const float second = beta2 * v[i] + rest2 * (g * g);
    newM[i] = first;
    newV[i] = second;
    newParameter[i] =
        a.keep * parameter[i] - step.stepSize * first / (std::sqrt(second) * step.rootCorrection + step.epsilon);
  }
}

void update(const AdamWStep& step, const RoundedAdamWParameter& a, int64_t begin, int64_t end) {
  const float *parameter = a.parameter, *gradient = a.gradient;
  const uint16_t *m = a.m, *v = a.v;
  float* newParameter = a.newParameter;
  uint16_t *newM = a.newM, *newV = a.newV;
  const float beta1 = step.beta1, beta2 = step.beta2, rest1 = 1.0f - beta1, rest2 = 1.0f - beta2;
  // simd: as above
#pragma omp simd
  for (int64_t i = begin; i < end; ++i) {
    const float g = gradient[i] * step.gradScale;
    const float first = beta1 * fromBf16(m[i]) + rest1 * g;
    const float second = beta2 * fromBf16(v[i]) + rest2 * (g * g);
    const uint32_t draw = drawFor(a.keys, static_cast<uint32_t>(a.first + i));
    newM[i] = roundedBy(draw >> 16, first);
    newV[i] = roundedBy(draw & 0xffff, second);
    newParameter[i] =
        a.keep * parameter[i] - step.stepSize * first / (std::sqrt(second) * step.rootCorrection + step.epsilon);
  }
}

/// Calls body(array, begin, end) for the pieces of [begin, end) of all arrays laid end to end; ends[i] is where array i
/// ends.
template <typename Body>
void pieces(const std::vector<int64_t>& ends, int64_t begin, int64_t end, const Body& body) {
  size_t array = std::upper_bound(ends.begin(), ends.end(), begin) - ends.begin();
  for (; begin < end; ++array) {
    const int64_t start = array == 0 ? 0 : ends[array - 1], stop = std::min(end, ends[array]);
    if (stop > begin) body(array, begin - start, stop - start);
    begin = std::max(begin, stop);
  }
}

/// Calls body(parameter, begin, end) on all threads for all numbers of all parameters.
template <typename Parameter, typename Body>
void inPieces(const std::vector<Parameter>& parameters, int64_t bytesEach, const Body& body) {
  std::vector<int64_t> ends;
  ends.reserve(parameters.size());
  int64_t total = 0;
  for (const auto& parameter : parameters) ends.push_back(total += parameter.count);
  parallelFor(total, grainFor(bytesEach), [&](int64_t begin, int64_t end) {
    pieces(ends, begin, end, [&](size_t i, int64_t from, int64_t to) { body(parameters[i], from, to); });
  });
}

}  // namespace

void adamW(const AdamWStep& step, const std::vector<AdamWParameter>& parameters) {
  inPieces(parameters, 28,
           [&](const AdamWParameter& parameter, int64_t from, int64_t to) { update(step, parameter, from, to); });
}

void adamWRounded(const AdamWStep& step, const std::vector<RoundedAdamWParameter>& parameters) {
  inPieces(parameters, 20, [&](const RoundedAdamWParameter& parameter, int64_t from, int64_t to) {
    update(step, parameter, from, to);
  });
}

double globalNorm(const std::vector<const float*>& arrays, const std::vector<int64_t>& counts,
                  const std::vector<double>& known) {
  constexpr int64_t kPiece = 16384;
  struct Piece {
    const float* data;
    int64_t count;
  };
  std::vector<Piece> work;
  for (size_t i = 0; i < arrays.size(); ++i)
    for (int64_t from = 0; from < counts[i]; from += kPiece)
      work.push_back({arrays[i] + from, std::min(kPiece, counts[i] - from)});
  std::vector<double> sums(work.size());
  parallelFor(static_cast<int64_t>(work.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) sums[p] = sumOfSquares(work[p].data, work[p].count);
  });
  double total = 0;
  for (double sum : sums) total += sum;
  for (double sum : known) total += sum;
  return std::sqrt(total);
}

}  // namespace scmoe
