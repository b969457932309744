#include "cpu/linear_cross_entropy.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/parallel.h"
#include "cpu/cross_entropy.h"
#include "cpu/gemm.h"
#include "test/check.h"
#include "test/numbers.h"

using namespace scmoe;
using testing::normal;

namespace {

constexpr int64_t kRows = 150, kWidth = 20, kClasses = 90;
constexpr int32_t kIgnore = -100;

std::vector<int32_t> someTargets() {
  std::vector<int32_t> targets(kRows);
  for (int64_t i = 0; i < kRows; ++i) targets[i] = i % 7 == 3 ? kIgnore : static_cast<int32_t>(i * 11 % kClasses);
  return targets;
}

const std::vector<float> x = normal(kRows * kWidth, 1), weight = normal(kWidth * kClasses, 2),
                         bias = normal(kClasses, 3);
const std::vector<int32_t> targets = someTargets();

struct Result {
  float loss = 0;
  std::vector<float> dx = std::vector<float>(kRows * kWidth, NAN), dWeight = std::vector<float>(kWidth * kClasses, NAN),
                     dBias = std::vector<float>(kClasses, NAN);
};

Result run(bool transposed, int64_t pieceFloats) {
  Result result;
  const LinearCrossEntropy shape{kRows, kWidth, kClasses, transposed, kIgnore, 0.1f, pieceFloats};
  linearCrossEntropy(shape, x.data(), weight.data(), bias.data(), targets.data(), &result.loss, result.dx.data(),
                     result.dWeight.data(), result.dBias.data());
  return result;
}

float farthest(const std::vector<float>& a, const std::vector<float>& b) {
  float largest = 0;
  for (size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

}  // namespace

TEST(pieces_give_what_all_rows_at_once_give) {
  setThreads(1);
  for (bool transposed : {false, true}) {
    const Result whole = run(transposed, kRows * kClasses), pieces = run(transposed, 1);
    CHECK(std::abs(whole.loss - pieces.loss) < 1e-6f);
    CHECK(farthest(whole.dx, pieces.dx) < 1e-6f);
    CHECK(farthest(whole.dWeight, pieces.dWeight) < 1e-6f);
    CHECK(farthest(whole.dBias, pieces.dBias) < 1e-6f);
  }
}

TEST(the_loss_is_that_of_all_logits) {
  setThreads(1);
  std::vector<float> logits(kRows * kClasses), logsumexp(kRows);
  gemm(false, false, kRows, kClasses, kWidth, 1, x.data(), kWidth, weight.data(), kClasses, 0, logits.data(), kClasses);
  for (int64_t i = 0; i < kRows * kClasses; ++i) logits[i] += bias[i % kClasses];
  float loss = 0;
  crossEntropyForward(kRows, kClasses, logits.data(), targets.data(), kIgnore, 0.1f, &loss, logsumexp.data());
  CHECK(std::abs(run(false, 1).loss - loss) < 1e-6f);
}

TEST(bits_repeat_on_the_same_threads) {
  for (int count : {1, 2, 3}) {
    setThreads(count);
    const Result first = run(true, 1), second = run(true, 1);
    CHECK(first.loss == second.loss);
    CHECK(first.dx == second.dx);
    CHECK(first.dWeight == second.dWeight);
    CHECK(first.dBias == second.dBias);
  }
  setThreads(1);
}

TEST(nothing_counts_where_all_is_ignored) {
  setThreads(1);
  const std::vector<int32_t> none(kRows, kIgnore);
  Result result;
  const LinearCrossEntropy shape{kRows, kWidth, kClasses, false, kIgnore, 0.0f};
  linearCrossEntropy(shape, x.data(), weight.data(), nullptr, none.data(), &result.loss, result.dx.data(),
                     result.dWeight.data(), nullptr);
  CHECK(result.loss == 0.0f);
  const auto isZero = [](float value) { return value == 0.0f; };
  CHECK(std::all_of(result.dx.begin(), result.dx.end(), isZero));
  CHECK(std::all_of(result.dWeight.begin(), result.dWeight.end(), isZero));
}
