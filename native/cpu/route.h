#pragma once
#include <cstdint>

namespace scmoe {

struct RouteOptions {
  int64_t tokens, numExperts, topK;
  bool sigmoid;    // score each logit by itself, instead of softmax
  bool normalize;  // divide the chosen scores by their sum
  float scale;     // of the weights
};

/// scores (T, N) = softmax or sigmoid of the logits; experts (T, k) = the k largest of score + bias (N, or null),
/// descending, the lower id first among equals, or a copy of `given` (T, k) where that is not null; weights (T, k) =
/// the scores of those, without the bias. A token where `mask` (T, or null) is 0 has scores and weights 0 and experts
/// -1, which is nobody; so has a given choice of -1 the weight 0. Throws on a given expert that does not exist.
void routeForward(const RouteOptions& options, const float* logits, const float* bias, const int32_t* given,
                  const uint8_t* mask, float* scores, float* weights, int32_t* experts);

/// dLogits (T, N) from the gradients of scores and of weights; either may be null.
void routeBackward(const RouteOptions& options, const float* scores, const float* weights, const int32_t* experts,
                   const float* dScores, const float* dWeights, float* dLogits);

struct PlanOptions {
  int64_t tokens, topK, numExperts, numZeroExperts, capacity;
  bool byProbability;  // drop the smallest weights, not the last to come
  bool choiceFirst;    // all first choices before any second one
  int64_t limit;       // slots that may be filled of the `capacity` ones, at most as many
};

/// slots (T, k), counts (N), load (N + Z), firstLoad (N + Z): see ops/dispatchPlan.ts. The expert -1 is nobody: no
/// slot, and not counted.
void dispatchPlan(const PlanOptions& options, const int32_t* experts, const float* weights, int32_t* slots,
                  int32_t* counts, int32_t* load, int32_t* firstLoad);

}  // namespace scmoe
