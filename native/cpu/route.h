#pragma once
#include <cstdint>

namespace scmoe {

/// scores (T, N) = softmax(logits); experts (T, k) = the k largest, descending, the lower id first among equals;
/// weights (T, k) = their scores, divided by their sum where `normalize`.
void routeForward(int64_t tokens, int64_t numExperts, int64_t topK, bool normalize, const float* logits,
                  float* scores, float* weights, int32_t* experts);

/// dLogits (T, N) from the gradients of scores and of weights; either may be null.
void routeBackward(int64_t tokens, int64_t numExperts, int64_t topK, bool normalize, const float* scores,
                   const float* weights, const int32_t* experts, const float* dScores, const float* dWeights,
                   float* dLogits);

struct PlanOptions {
  int64_t tokens, topK, numExperts, capacity;
  bool byProbability;  // drop the smallest weights, not the last to come
  bool choiceFirst;    // all first choices before any second one
};

/// slots (T, k), counts (N), load (N), firstLoad (N): see ops/dispatchPlan.ts.
void dispatchPlan(const PlanOptions& options, const int32_t* experts, const float* weights, int32_t* slots,
                  int32_t* counts, int32_t* load, int32_t* firstLoad);

}  // namespace scmoe
