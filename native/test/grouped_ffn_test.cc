#include "cpu/grouped_ffn.h"

#include <cmath>
#include <cstring>
#include <numeric>
#include <vector>

#include "cpu/bf16.h"
#include "cpu/gemm.h"
#include "cpu/tiled_experts.h"
#include "test/check.h"
#include "test/numbers.h"
#include "test/with_threads.h"

using namespace scmoe;
using testing::haveSameBits;
using testing::skip;
using testing::values;

namespace {

struct Results {
  std::vector<float> y, pre, hidden, dx, dW1, dB1, dW2, dB2;
  double squares[2] = {0, 0};
};

struct Experts {
  Experts(std::vector<int32_t> countsOf, int64_t in, int64_t between, Activation by)
      : counts(std::move(countsOf)),
        n(static_cast<int64_t>(counts.size())),
        rows(std::accumulate(counts.begin(), counts.end(), 0)),
        d(in),
        f(between),
        activation(by),
        x(values(rows * d, 1)),
        w1(values(n * d * f, 2)),
        b1(values(n * f, 3)),
        w2(values(n * f * d, 4)),
        b2(values(n * d, 5)),
        dy(values(rows * d, 6)) {}

  ExpertRows group() const { return {n, rows, d, f, 0, counts.data()}; }

  /// A guard behind each. What the gradient takes for the hidden layer before the activation is `before`, if any.
  Results run(bool halves, const std::vector<float>* before = nullptr) const {
    Results got;
    const int64_t words = halves ? f / 2 : f;
    for (auto* hidden : {&got.pre, &got.hidden}) hidden->assign(rows * words + 1, 7.0f);
    for (auto* likeX : {&got.y, &got.dx}) likeX->assign(rows * d + 1, 7.0f);
    for (auto* likeWeights : {&got.dW1, &got.dW2}) likeWeights->assign(n * d * f + 1, 7.0f);
    got.dB1.assign(n * f + 1, 7.0f);
    got.dB2.assign(n * d + 1, 7.0f);
    groupedFfnForward(group(), x.data(), w1.data(), b1.data(), w2.data(), b2.data(), activation, got.y.data(),
                      got.pre.data(), got.hidden.data(), halves);
    groupedFfnBackward(group(), dy.data(), x.data(), w1.data(), w2.data(), before ? before->data() : got.pre.data(),
                       got.hidden.data(), halves, activation, got.dx.data(), got.dW1.data(), got.dB1.data(),
                       got.dW2.data(), got.dB2.data(), got.squares);
    for (const auto* all : {&got.y, &got.pre, &got.hidden, &got.dx, &got.dW1, &got.dB1, &got.dW2, &got.dB2})
      CHECK(all->back() == 7.0f);
    return got;
  }

  const std::vector<int32_t> counts;
  const int64_t n, rows, d, f;
  const Activation activation;
  const std::vector<float> x, w1, b1, w2, b2, dy;
};

std::vector<float> wide(const std::vector<float>& words, int64_t count) {
  std::vector<uint16_t> from(count);
  std::memcpy(from.data(), words.data(), count * sizeof(uint16_t));
  std::vector<float> to;
  for (const uint16_t value : from) to.push_back(fromBf16(value));
  return to;
}

struct InPrecision {
  explicit InPrecision(Precision value) : before(precision()) { setPrecision(value); }
  ~InPrecision() { setPrecision(before); }
  const Precision before;
};

/// Experts of many rows in several pieces, of odd numbers, of few and of none.
const std::vector<int32_t> kCounts = {451, 16, 0, 97, 40};

}  // namespace

TEST(experts_in_bf16_are_those_of_two_layers_with_what_they_keep_rounded) {
  if (!hasBf16()) skip("this CPU does not multiply bf16");
  const InPrecision bf16(Precision::kBf16);
  // In whole panels, whose layers are summed in one piece and in two, and not.
  const int64_t sizes[][2] = {{128, 1024}, {512, 256}, {32, 48}};
  for (const auto& [d, f] : sizes)
    for (const Activation activation : {Activation::kGelu, Activation::kSilu}) {
      const Experts experts(kCounts, d, f, activation);
      const Results got = experts.run(true);
      const int64_t count = experts.rows * f;
      const std::vector<float> pre = wide(got.pre, count), hidden = wide(got.hidden, count);
      const Results expected = experts.run(false, &pre);
      CHECK(haveSameBits(got.y, expected.y));
      for (int64_t i = 0; i < count; ++i) {
        CHECK(pre[i] == fromBf16(toBf16(expected.pre[i])));
        CHECK(hidden[i] == fromBf16(toBf16(expected.hidden[i])));
      }
      CHECK(haveSameBits(got.dx, expected.dx) && haveSameBits(got.dW1, expected.dW1) &&
            haveSameBits(got.dW2, expected.dW2));
      for (size_t i = 0; i < got.dB1.size(); ++i) CHECK_CLOSE(got.dB1[i], expected.dB1[i], 1e-3);
      for (size_t i = 0; i < got.dB2.size(); ++i) CHECK_CLOSE(got.dB2[i], expected.dB2[i], 1e-3);
      for (int which = 0; which < 2; ++which) CHECK(std::abs(got.squares[which] / expected.squares[which] - 1) < 1e-5);
    }
}

TEST(experts_in_bf16_have_the_same_bits_with_any_number_of_threads_and_without_a_gradient) {
  if (!hasBf16()) skip("this CPU does not multiply bf16");
  const InPrecision bf16(Precision::kBf16);
  const Experts experts(kCounts, 128, 1024, Activation::kGeluTanh);
  const Results one = experts.run(true);
  const testing::WithThreads three(3);
  const Results several = experts.run(true);
  CHECK(haveSameBits(one.y, several.y) && haveSameBits(one.dx, several.dx) && haveSameBits(one.pre, several.pre));
  CHECK(haveSameBits(one.dW1, several.dW1) && haveSameBits(one.dW2, several.dW2));
  std::vector<float> y(one.y.size(), 7.0f);
  groupedFfnForward(experts.group(), experts.x.data(), experts.w1.data(), experts.b1.data(), experts.w2.data(),
                    experts.b2.data(), experts.activation, y.data(), nullptr, nullptr, false);
  CHECK(haveSameBits(y, one.y));
}

TEST(a_row_of_an_expert_in_bf16_does_not_depend_on_how_many_there_are) {
  if (!hasBf16() || !tilesExpert(100, 128, 1024)) skip("this CPU or build has no tiled experts");
  const InPrecision bf16(Precision::kBf16);
  const Experts many({100}, 128, 1024, Activation::kGelu), few({12}, 128, 1024, Activation::kGelu);
  const Results all = many.run(true), some = few.run(true);
  const auto begins = [](const std::vector<float>& longer, const std::vector<float>& shorter) {
    return std::memcmp(longer.data(), shorter.data(), (shorter.size() - 1) * sizeof(float)) == 0;
  };
  CHECK(begins(all.y, some.y) && begins(all.dx, some.dx) && begins(all.pre, some.pre));
}
