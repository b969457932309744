#include "cpu/route.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/parallel.h"
#include "cpu/vector_math.h"

namespace scmoe {

void routeForward(int64_t tokens, int64_t numExperts, int64_t topK, bool normalize, const float* logits,
                  float* scores, float* weights, int32_t* experts) {
  parallelFor(tokens, grainFor(numExperts * 12), [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const float* const row = logits + t * numExperts;
      float* const score = scores + t * numExperts;
      float largest = row[0];
      for (int64_t e = 1; e < numExperts; ++e) largest = std::max(largest, row[e]);
      float sum = 0.0f;
      for (int64_t e = 0; e < numExperts; ++e) {
        score[e] = vexp(row[e] - largest);
        sum += score[e];
      }
      for (int64_t e = 0; e < numExperts; ++e) score[e] /= sum;

      // Insertion into a list of k: k is small. A NaN score compares false and keeps the list complete.
      int32_t* const chosen = experts + t * topK;
      float* const weight = weights + t * topK;
      for (int64_t e = 0; e < numExperts; ++e) {
        int64_t place = std::min(e, topK);
        while (place > 0 && score[e] > score[chosen[place - 1]]) --place;
        if (place >= topK) continue;
        for (int64_t j = std::min(e, topK - 1); j > place; --j) chosen[j] = chosen[j - 1];
        chosen[place] = static_cast<int32_t>(e);
      }
      float total = 0.0f;
      for (int64_t j = 0; j < topK; ++j) total += weight[j] = score[chosen[j]];
      if (normalize)
        for (int64_t j = 0; j < topK; ++j) weight[j] /= total;
    }
  });
}

void routeBackward(int64_t tokens, int64_t numExperts, int64_t topK, bool normalize, const float* scores,
                   const float* weights, const int32_t* experts, const float* dScores, const float* dWeights,
                   float* dLogits) {
  parallelFor(tokens, grainFor(numExperts * 12), [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const float* const score = scores + t * numExperts;
      float* const gradient = dLogits + t * numExperts;  // first the gradient of the scores
      for (int64_t e = 0; e < numExperts; ++e) gradient[e] = dScores ? dScores[t * numExperts + e] : 0.0f;
      if (dWeights) {
        const float *const dw = dWeights + t * topK, *const w = weights + t * topK;
        const int32_t* const chosen = experts + t * topK;
        float total = 1.0f, mean = 0.0f;
        if (normalize) {
          total = 0.0f;
          for (int64_t j = 0; j < topK; ++j) {
            total += score[chosen[j]];
            mean += dw[j] * w[j];
          }
        }
        for (int64_t j = 0; j < topK; ++j) gradient[chosen[j]] += (dw[j] - mean) / total;
      }
      float dot = 0.0f;
      for (int64_t e = 0; e < numExperts; ++e) dot += gradient[e] * score[e];
      for (int64_t e = 0; e < numExperts; ++e) gradient[e] = score[e] * (gradient[e] - dot);
    }
  });
}

void dispatchPlan(const PlanOptions& options, const int32_t* experts, const float* weights, int32_t* slots,
                  int32_t* counts, int32_t* load, int32_t* firstLoad) {
  const auto [tokens, topK, numExperts, capacity, byProbability, choiceFirst] = options;
  const int64_t choices = tokens * topK;
  std::fill(counts, counts + numExperts, 0);
  std::fill(load, load + numExperts, 0);
  std::fill(firstLoad, firstLoad + numExperts, 0);
  for (int64_t i = 0; i < choices; ++i) {
    const int32_t e = experts[i];
    if (e < 0 || e >= numExperts)
      throw Error("dispatchPlan: expert of choice " + std::to_string(i) + " must be in 0 ... " +
                  std::to_string(numExperts - 1) + ", got " + std::to_string(e));
    ++load[e];
    if (i % topK == 0) ++firstLoad[e];
  }

  // Choices that may take a slot at all: with `byProbability`, each expert's `capacity` largest weights.
  std::vector<char> allowed;
  if (capacity > 0 && byProbability) {
    allowed.assign(choices, 0);
    std::vector<std::vector<int32_t>> byExpert(numExperts);
    for (int64_t i = 0; i < choices; ++i) byExpert[experts[i]].push_back(static_cast<int32_t>(i));
    for (auto& own : byExpert) {
      if (static_cast<int64_t>(own.size()) > capacity) {
        std::stable_sort(own.begin(), own.end(), [&](int32_t a, int32_t b) { return weights[a] > weights[b]; });
        own.resize(capacity);
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
    const bool fits = (capacity == 0 || counts[e] < capacity) && (allowed.empty() || allowed[i]);
    slots[i] = fits ? start[e] + counts[e]++ : -1;
  };
  if (capacity > 0 && choiceFirst) {
    for (int64_t j = 0; j < topK; ++j)
      for (int64_t t = 0; t < tokens; ++t) place(t * topK + j);
  } else {
    for (int64_t i = 0; i < choices; ++i) place(i);
  }
}

}  // namespace scmoe
