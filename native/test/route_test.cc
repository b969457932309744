#include "cpu/route.h"

#include <cmath>
#include <string>
#include <vector>

#include "core/error.h"
#include "test/check.h"
#include "test/numbers.h"

using namespace scmoe;
using testing::normal;

namespace {

struct Routed {
  std::vector<float> scores, weights;
  std::vector<int32_t> experts;
};

Routed routed(const RouteOptions& options, const std::vector<float>& logits, const float* bias = nullptr,
              const int32_t* given = nullptr, const uint8_t* mask = nullptr) {
  Routed result{std::vector<float>(options.tokens * options.numExperts),
                std::vector<float>(options.tokens * options.topK), std::vector<int32_t>(options.tokens * options.topK)};
  routeForward(options, logits.data(), bias, given, mask, result.scores.data(), result.weights.data(),
               result.experts.data());
  return result;
}

/// sum(scores * a) + sum(weights * b), in double from the float results.
double objective(const Routed& result, const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(result.scores[i]) * a[i];
  for (size_t i = 0; i < b.size(); ++i) sum += static_cast<double>(result.weights[i]) * b[i];
  return sum;
}

TEST(softmax_scores_sum_to_one_and_the_largest_are_chosen_in_order) {
  const auto [scores, weights, experts] = routed({1, 4, 2, false, true, 3.0f}, {0.0f, 2.0f, 1.0f, 2.0f});
  CHECK_CLOSE(scores[0] + scores[1] + scores[2] + scores[3], 1, 1e-6);
  CHECK(experts == (std::vector<int32_t>{1, 3}));  // the lower id first among equals
  CHECK_CLOSE(weights[0], 1.5, 1e-6);
  CHECK_CLOSE(weights[1], 1.5, 1e-6);
}

TEST(a_bias_changes_the_choice_and_no_weight) {
  const float bias[] = {0.0f, -1.0f, 0.0f, 0.5f};
  const auto [scores, weights, experts] = routed({1, 4, 2, true, false, 1.0f}, {0.0f, 2.0f, 1.0f, -1.0f}, bias);
  CHECK(experts == (std::vector<int32_t>{3, 2}));
  CHECK_CLOSE(weights[0], 1 / (1 + std::exp(1.0)), 1e-6);
  CHECK_CLOSE(weights[1], 1 / (1 + std::exp(-1.0)), 1e-6);
}

TEST(a_nan_leaves_the_choice_complete) {
  const auto result = routed({1, 3, 3, true, false, 1.0f}, {NAN, 1.0f, 2.0f});
  int32_t seen = 0;
  for (const int32_t expert : result.experts) seen |= 1 << expert;
  CHECK(seen == 7);
}

TEST(a_given_choice_is_kept_or_refused_by_name) {
  const int32_t given[] = {2, 0};
  const auto result = routed({1, 3, 2, false, false, 1.0f}, {0.0f, 5.0f, 1.0f}, nullptr, given);
  CHECK(result.experts == (std::vector<int32_t>{2, 0}));
  CHECK(result.weights[0] == result.scores[2]);
  const int32_t wrong[] = {2, 3};
  try {
    routed({1, 3, 2, false, false, 1.0f}, {0.0f, 5.0f, 1.0f}, nullptr, wrong);
  } catch (const Error& error) {
    CHECK(std::string(error.what()) == "route: experts[1]: expected 0 to 2, got 3");
    return;
  }
  CHECK(false);
}

TEST(gradients_are_those_of_central_differences) {
  const std::vector<float> logits = normal(3 * 5, 1);
  const std::vector<float> a = normal(3 * 5, 2), b = normal(3 * 2, 3);
  const int32_t given[] = {0, 1, 4, 2, 3, 0};  // so that no difference changes the choice
  for (const bool sigmoid : {false, true})
    for (const bool normalize : {false, true}) {
      const RouteOptions options{3, 5, 2, sigmoid, normalize, 2.5f};
      const auto [scores, weights, experts] = routed(options, logits, nullptr, given);
      std::vector<float> gradient(logits.size());
      routeBackward(options, scores.data(), weights.data(), experts.data(), a.data(), b.data(), gradient.data());
      for (size_t i = 0; i < logits.size(); ++i) {
        const float step = 1e-2f;
        std::vector<float> up = logits, down = logits;
        up[i] += step;
        down[i] -= step;
        const double difference = (objective(routed(options, up, nullptr, given), a, b) -
                                   objective(routed(options, down, nullptr, given), a, b)) /
                                  (2 * step);
        CHECK_CLOSE(gradient[i], difference, 2e-3);
      }
    }
}

TEST(zero_computation_experts_take_no_slot) {
  const int32_t experts[] = {0, 2, 3, 1, 2, 0};  // ids 2 and 3 compute nothing
  const float weights[] = {1, 1, 1, 1, 1, 1};
  for (const bool byProbability : {false, true})
    for (const int64_t capacity : {0, 1}) {
      std::vector<int32_t> slots(6), counts(2), load(4), firstLoad(4);
      dispatchPlan({3, 2, 2, 2, capacity, byProbability, true, capacity}, experts, weights, slots.data(), counts.data(),
                   load.data(), firstLoad.data());
      CHECK(load == (std::vector<int32_t>{2, 1, 2, 1}));
      CHECK(firstLoad == (std::vector<int32_t>{1, 0, 1, 1}));
      const bool dropped = capacity == 1;
      CHECK(counts == (dropped ? std::vector<int32_t>{1, 1} : std::vector<int32_t>{2, 1}));
      CHECK(slots ==
            (dropped ? std::vector<int32_t>{0, -1, -1, 1, -1, -1} : std::vector<int32_t>{0, -1, -1, 2, -1, 1}));
    }
}

TEST(a_masked_token_has_no_scores_no_experts_and_no_gradient) {
  const std::vector<float> logits = normal(2 * 3, 4), ones(2 * 3, 1.0f);
  const uint8_t mask[] = {0, 1};
  for (const bool sigmoid : {false, true}) {
    const RouteOptions options{2, 3, 2, sigmoid, true, 1.0f};
    const auto masked = routed(options, logits, nullptr, nullptr, mask);
    const auto whole = routed(options, logits);
    std::vector<float> gradient(6);
    routeBackward(options, masked.scores.data(), masked.weights.data(), masked.experts.data(), ones.data(), ones.data(),
                  gradient.data());
    for (int64_t e = 0; e < 3; ++e) {
      CHECK(masked.scores[e] == 0 && gradient[e] == 0);
      CHECK(masked.scores[3 + e] == whole.scores[3 + e]);
    }
    for (int64_t j = 0; j < 2; ++j) {
      CHECK(masked.weights[j] == 0 && masked.experts[j] == -1);
      CHECK(masked.experts[2 + j] == whole.experts[2 + j]);
    }
  }
}

TEST(nobody_takes_no_slot_and_only_the_limit_is_filled) {
  const int32_t experts[] = {-1, 0, 0, 0};
  const float weights[] = {9, 1, 3, 2};
  for (const bool byProbability : {false, true}) {
    std::vector<int32_t> slots(4), counts(1), load(1), firstLoad(1);
    dispatchPlan({4, 1, 1, 0, 3, byProbability, true, 2}, experts, weights, slots.data(), counts.data(), load.data(),
                 firstLoad.data());
    CHECK(load[0] == 3 && firstLoad[0] == 3 && counts[0] == 2);
    CHECK(slots == (byProbability ? std::vector<int32_t>{-1, -1, 0, 1} : std::vector<int32_t>{-1, 0, 1, -1}));
  }
}

}  // namespace
