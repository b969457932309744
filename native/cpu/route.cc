#include "cpu/route.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/parallel.h"
#include "cpu/ranking.h"
#include "cpu/vector_math.h"

namespace scmoe {

namespace {

/// What is added to the sum of sigmoid scores before dividing by it: all of them may underflow.
constexpr float kSmallest = 1e-20f;

/// The expert of a masked token's choices.
constexpr int32_t kNobody = -1;

float scoreTotal(const RouteOptions& options, const float* score, const int32_t* chosen) {
  float total = options.sigmoid ? kSmallest : 0.0f;
  for (int64_t j = 0; j < options.topK; ++j)
    if (chosen[j] != kNobody) total += score[chosen[j]];
  return total;
}

void softmaxRow(int64_t count, const float* x, float* y) {
  float largest = x[0];
  for (int64_t e = 1; e < count; ++e) largest = std::max(largest, x[e]);
#pragma omp simd
  for (int64_t e = 0; e < count; ++e) y[e] = vexp(x[e] - largest);
  float sum = 0.0f;
  for (int64_t e = 0; e < count; ++e) sum += y[e];
#pragma omp simd
  for (int64_t e = 0; e < count; ++e) y[e] /= sum;
}

/// Insertion into a list of k: k is small.
void chooseRow(int64_t count, int64_t topK, const float* score, const float* bias, int32_t* chosen) {
  const auto compared = [&](int64_t e) { return bias ? score[e] + bias[e] : score[e]; };
  for (int64_t e = 0; e < count; ++e) {
    int64_t place = std::min(e, topK);
    while (place > 0 && ranksBefore(compared(e), compared(chosen[place - 1]))) --place;
    if (place >= topK) continue;
    for (int64_t j = std::min(e, topK - 1); j > place; --j) chosen[j] = chosen[j - 1];
    chosen[place] = static_cast<int32_t>(e);
  }
}

void checkExperts(const char* what, int64_t choices, int64_t numExperts, const int32_t* experts) {
  for (int64_t i = 0; i < choices; ++i)
    if (experts[i] < kNobody || experts[i] >= numExperts)
      throw ArgumentError(std::string(what) + ": experts[" + std::to_string(i) + "]: expected 0 to " +
                          std::to_string(numExperts - 1) + ", got " + std::to_string(experts[i]));
}

}  // namespace

void routeForward(const RouteOptions& options, const float* logits, const float* bias, const int32_t* given,
                  const uint8_t* mask, float* scores, float* weights, int32_t* experts) {
  const int64_t count = options.numExperts, topK = options.topK;
  if (given) {
    const int64_t choices = options.tokens * topK;
    checkExperts("route", choices, count, given);
    std::copy(given, given + choices, experts);
  }
  parallelFor(options.tokens, grainFor(count * 12), [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const float* const row = logits + t * count;
      float* const score = scores + t * count;
      int32_t* const chosen = experts + t * topK;
      float* const weight = weights + t * topK;
      if (mask && !mask[t]) {
        std::fill(score, score + count, 0.0f);
        std::fill(weight, weight + topK, 0.0f);
        std::fill(chosen, chosen + topK, kNobody);
        continue;
      }
      if (options.sigmoid) {
        for (int64_t e = 0; e < count; ++e) score[e] = vsigmoid(row[e]);
      } else {
        softmaxRow(count, row, score);
      }
      if (!given) chooseRow(count, topK, score, bias, chosen);
      const float total = options.normalize ? scoreTotal(options, score, chosen) : 1.0f;
      for (int64_t j = 0; j < topK; ++j)
        weight[j] = chosen[j] == kNobody ? 0.0f : score[chosen[j]] / total * options.scale;
    }
  });
}

void routeBackward(const RouteOptions& options, const float* scores, const float* weights, const int32_t* experts,
                   const float* dScores, const float* dWeights, float* dLogits) {
  checkExperts("route", options.tokens * options.topK, options.numExperts, experts);
  parallelFor(options.tokens, grainFor(options.numExperts * 12), [&](int64_t begin, int64_t end) {
    const int64_t numExperts = options.numExperts, topK = options.topK;
    const float scale = options.scale;
    for (int64_t t = begin; t < end; ++t) {
      const float* const score = scores + t * numExperts;
      float* const gradient = dLogits + t * numExperts;  // first the gradient of the scores
      for (int64_t e = 0; e < numExperts; ++e) gradient[e] = dScores ? dScores[t * numExperts + e] : 0.0f;
      if (dWeights) {
        const float *const dw = dWeights + t * topK, *const w = weights + t * topK;
        const int32_t* const chosen = experts + t * topK;
        float total = 1.0f, mean = 0.0f;
        if (options.normalize) {
          total = scoreTotal(options, score, chosen);
          for (int64_t j = 0; j < topK; ++j) mean += dw[j] * w[j];  // w carries the scale
        }
        for (int64_t j = 0; j < topK; ++j)
          if (chosen[j] != kNobody) gradient[chosen[j]] += (dw[j] * scale - mean) / total;
      }
      if (options.sigmoid) {
        for (int64_t e = 0; e < numExperts; ++e) gradient[e] *= score[e] * (1.0f - score[e]);
        continue;
      }
      float dot = 0.0f;
      for (int64_t e = 0; e < numExperts; ++e) dot += gradient[e] * score[e];
      for (int64_t e = 0; e < numExperts; ++e) gradient[e] = score[e] * (gradient[e] - dot);
    }
  });
}

void dispatchPlan(const PlanOptions& options, const int32_t* experts, const float* weights, int32_t* slots,
                  int32_t* counts, int32_t* load, int32_t* firstLoad) {
  const int64_t tokens = options.tokens, topK = options.topK, capacity = options.capacity;
  const int64_t limit = std::min(options.limit, capacity);
  const int64_t numExperts = options.numExperts;
  const int64_t all = numExperts + options.numZeroExperts;
  const int64_t choices = tokens * topK;
  std::fill(counts, counts + numExperts, 0);
  std::fill(load, load + all, 0);
  std::fill(firstLoad, firstLoad + all, 0);
  // Slots and choices are numbered in int32.
  constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
  if (choices > kMost || capacity > kMost / std::max<int64_t>(numExperts, 1))
    throw ArgumentError("dispatchPlan: capacity: expected slots that an int32 can number, got " +
                        std::to_string(capacity) + " for each of " + std::to_string(numExperts) + " experts");
  checkExperts("dispatchPlan", choices, all, experts);
  for (int64_t i = 0; i < choices; ++i) {
    const int32_t e = experts[i];
    if (e == kNobody) continue;
    ++load[e];
    if (i % topK == 0) ++firstLoad[e];
  }

  // Choices that may take a slot at all: with `byProbability`, each expert's `limit` largest weights.
  std::vector<char> allowed;
  if (capacity > 0 && options.byProbability) {
    allowed.assign(choices, 0);
    std::vector<std::vector<int32_t>> byExpert(numExperts);
    for (int64_t i = 0; i < choices; ++i)
      if (experts[i] != kNobody && experts[i] < numExperts) byExpert[experts[i]].push_back(static_cast<int32_t>(i));
    for (auto& own : byExpert) {
      if (static_cast<int64_t>(own.size()) > limit) {
        std::stable_sort(own.begin(), own.end(),
                         [&](int32_t a, int32_t b) { return ranksBefore(weights[a], weights[b]); });
        own.resize(limit);
      }
      for (const int32_t i : own) allowed[i] = 1;
    }
  }

  std::vector<int32_t> start(numExperts, 0);
  if (capacity > 0) {
    for (int64_t e = 0; e < numExperts; ++e) start[e] = static_cast<int32_t>(e * capacity);
  } else {
    std::exclusive_scan(load, load + numExperts, start.begin(), 0);
  }
  const auto place = [&](int64_t i) {
    const int32_t e = experts[i];
    if (e == kNobody || e >= numExperts) {  // computes nothing: no slot
      slots[i] = -1;
      return;
    }
    const bool fits = (capacity == 0 || counts[e] < limit) && (allowed.empty() || allowed[i]);
    slots[i] = fits ? start[e] + counts[e]++ : -1;
  };
  if (capacity > 0 && options.choiceFirst) {
    for (int64_t j = 0; j < topK; ++j)
      for (int64_t t = 0; t < tokens; ++t) place(t * topK + j);
  } else {
    for (int64_t i = 0; i < choices; ++i) place(i);
  }
}

}  // namespace scmoe
