#include "cpu/route.h"

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "core/error.h"
#include "test/check.h"

using namespace scmoe;

namespace {

struct Routed {
  std::vector<float> scores, weights;
  std::vector<int32_t> experts;
};

Routed routed(const RouteOptions& options, const std::vector<float>& logits, const float* bias = nullptr,
              const int32_t* given = nullptr) {
  Routed result{std::vector<float>(options.tokens * options.numExperts),
                std::vector<float>(options.tokens * options.topK), std::vector<int32_t>(options.tokens * options.topK)};
  routeForward(options, logits.data(), bias, given, result.scores.data(), result.weights.data(), result.experts.data());
  return result;
}

/// sum(scores * a) + sum(weights * b), in double from the float results.
double objective(const Routed& result, const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(result.scores[i]) * a[i];
  for (size_t i = 0; i < b.size(); ++i) sum += static_cast<double>(result.weights[i]) * b[i];
  return sum;
}

std::vector<float> normal(size_t count, unsigned seed) {
  std::mt19937 engine(seed);
  std::normal_distribution<float> distribution;
  std::vector<float> values(count);
  for (float& value : values) value = distribution(engine);
  return values;
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
      dispatchPlan({3, 2, 2, 2, capacity, byProbability, true}, experts, weights, slots.data(), counts.data(),
                   load.data(), firstLoad.data());
      CHECK(load == (std::vector<int32_t>{2, 1, 2, 1}));
      CHECK(firstLoad == (std::vector<int32_t>{1, 0, 1, 1}));
      const bool dropped = capacity == 1;
      CHECK(counts == (dropped ? std::vector<int32_t>{1, 1} : std::vector<int32_t>{2, 1}));
      CHECK(slots ==
            (dropped ? std::vector<int32_t>{0, -1, -1, 1, -1, -1} : std::vector<int32_t>{0, -1, -1, 2, -1, 1}));
    }
}

}  // namespace
