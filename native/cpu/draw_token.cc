#include "cpu/draw_token.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "core/arena.h"
#include "cpu/keep_highest.h"

// Compiled without multiply-adds: every number is the one that JavaScript has.
namespace scmoe {

namespace {

constexpr double kLn2 = 0.6931471805599453;
/// Parts of an octave that powers of 2 are tabled for.
constexpr int64_t kSteps = 64;
constexpr double kStepsPerUnit = kSteps / kLn2, kUnitsPerStep = kLn2 / kSteps;
/// Exponentials are 0 from here on.
constexpr double kLowest = -700;
/// What a nucleus seldom exceeds.
constexpr int64_t kFewLikely = 1024;

/// 2^(i / 64), of square roots of 2: IEEE 754 leaves no choice how these are rounded, which a power has.
struct Roots {
  double values[kSteps];

  Roots() {
    std::fill(values, values + kSteps, 1.0);
    double root = 2;
    for (int64_t bit = kSteps / 2; bit > 0; bit /= 2) {
      root = std::sqrt(root);
      for (int64_t i = 0; i < kSteps; ++i)
        if (i & bit) values[i] *= root;
    }
  }
};
const Roots roots;

/// e^x for x <= 0, within 1e-12 of it: exponentialOf.ts.
inline double exponentialOf(double x) {
  const double inside = x < kLowest ? kLowest : x;
  const double step = std::trunc(inside * kStepsPerUnit - 0.5);
  // Adding 1.5 * 2^52 leaves an integer in the low bits. All in 64 bits, so that the compiler makes vectors of it.
  const double shifted = step + 6755399441055744.0;
  uint64_t bits;
  std::memcpy(&bits, &shifted, 8);
  // |r| <= ln(2) / 128, for which the first five terms of the series suffice.
  const double r = inside - step * kUnitsPerStep;
  const double series = 1 + r * (1 + r * (1.0 / 2 + r * (1.0 / 6 + r * (1.0 / 24))));
  const uint64_t exponent = ((bits >> 6) + 1023) << 52;
  double power;
  std::memcpy(&power, &exponent, 8);
  const double result = series * roots.values[bits & (kSteps - 1)] * power;
  return x < kLowest ? 0.0 : result;
}

/// Some ids, ascending.
struct Ids {
  int32_t* list;
  int64_t count;

  const int32_t* begin() const { return list; }
  const int32_t* end() const { return list + count; }
};

/// Scores with the likelihood of each id that is still in question: the most likely one has 1.
struct Candidates {
  const float* scores;
  double* weights;
  float highest;
  double temperature;

  double logWeight(int32_t id) const { return (static_cast<double>(scores[id]) - highest) / temperature; }

  /// logWeight() of some ids at once.
  void logWeights(const Ids& ids, double* to) const {
    const float* const from = scores;
    const double most = highest, divisor = temperature;
    const int32_t* const list = ids.list;
#pragma omp simd
    for (int64_t i = 0; i < ids.count; ++i) to[i] = (static_cast<double>(from[list[i]]) - most) / divisor;
  }

  double total(const Ids& ids) const {
    double sum = 0;
    for (const int32_t id : ids) sum += weights[id];
    return sum;
  }

  void weigh(const Ids& ids, bool areAll) const {
    if (!areAll) {
      for (const int32_t id : ids) weights[id] = exponentialOf(logWeight(id));
      return;
    }
    const float* const from = scores;
    double* const to = weights;
    const double most = highest, divisor = temperature;
#pragma omp simd
    for (int64_t id = 0; id < ids.count; ++id) to[id] = exponentialOf((static_cast<double>(from[id]) - most) / divisor);
  }

  /// The fewest of the most likely that make up this probability.
  Ids nucleus(const Ids& ids, bool areAll, double probability, int32_t* memory) const {
    const double goal = probability * total(ids);
    // Mostly some hundreds are enough, and these are found sooner.
    Ids from = ids;
    if (areAll && ids.count > kFewLikely) {
      const Ids few = {memory, keepHighestOfAll(scores, ids.count, kFewLikely, memory)};
      if (!(total(few) < goal)) from = few;
    }
    return {ids.list, keepHighest(scores, weights, from.list, from.count, goal, ids.list)};
  }

  /// Those with at least this weight.
  Ids atLeast(const Ids& ids, double weight) const {
    int64_t kept = 0;
    for (int64_t i = 0; i < ids.count; ++i) {
      const int32_t id = ids.list[i];
      ids.list[kept] = id;
      kept += weights[id] >= weight;
    }
    return {ids.list, kept};
  }

  /// The fewest of the most typical that make up this probability: those whose surprise is nearest to the entropy.
  Ids typical(const Ids& ids, double probability) const {
    Arena::Scope scope;
    const double sum = total(ids);
    const Ids possible = atLeast(ids, std::numeric_limits<double>::denorm_min());
    auto* const logs = scope.take<double>(possible.count);
    logWeights(possible, logs);
    double expected = 0;
    for (int64_t i = 0; i < possible.count; ++i) expected += weights[possible.list[i]] * logs[i];
    expected /= sum;
    auto* const keys = scope.take<float>(possible.list[possible.count - 1] + 1);
    for (int64_t i = 0; i < possible.count; ++i)
      keys[possible.list[i]] = static_cast<float>(-std::fabs(logs[i] - expected));
    return {possible.list, keepHighest(keys, weights, possible.list, possible.count, probability * sum, possible.list)};
  }

  /// The token at this place of the interval [0, 1).
  int64_t at(const Ids& ids, double uniform) const {
    const double goal = uniform * total(ids);
    double reached = 0;
    int64_t last = -1;
    for (const int32_t id : ids) {
      if (weights[id] == 0) continue;
      last = id;
      reached += weights[id];
      if (reached > goal) break;
    }
    return last;
  }
};

}  // namespace

int64_t drawToken(const float* scores, int64_t count, const DrawOptions& options, double uniform) {
  float highest = -std::numeric_limits<float>::infinity();
  int32_t hasNan = 0;
#pragma omp simd reduction(max : highest) reduction(| : hasNan)
  for (int64_t id = 0; id < count; ++id) {
    highest = scores[id] > highest ? scores[id] : highest;
    hasNan |= scores[id] != scores[id];
  }
  if (hasNan) return -2 - (std::find_if(scores, scores + count, [](float x) { return x != x; }) - scores);
  if (highest == -std::numeric_limits<float>::infinity()) return -1;
  if (options.temperature == 0 || highest == std::numeric_limits<float>::infinity())
    return std::find(scores, scores + count, highest) - scores;

  Arena::Scope scope;
  Ids ids = {scope.take<int32_t>(count), count};
  const bool areAll = options.topK >= count;
  if (areAll)
    std::iota(ids.list, ids.list + count, 0);
  else
    ids.count = keepHighestOfAll(scores, count, options.topK, ids.list);
  const Candidates candidates = {scores, scope.take<double>(count), highest, options.temperature};
  candidates.weigh(ids, areAll);
  if (options.topP < 1) ids = candidates.nucleus(ids, areAll, options.topP, scope.take<int32_t>(count));
  if (options.minP > 0) ids = candidates.atLeast(ids, options.minP);
  if (options.typicalP < 1) ids = candidates.typical(ids, options.typicalP);
  return candidates.at(ids, uniform);
}

}  // namespace scmoe
