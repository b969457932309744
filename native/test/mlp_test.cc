#include "cpu/mlp.h"

#include <cmath>
#include <cstring>
#include <vector>

#include "core/parallel.h"
#include "cpu/bf16.h"
#include "cpu/gemm.h"
#include "cpu/linear.h"
#include "cpu/paired_panels.h"
#include "cpu/tiled_mlp.h"
#include "test/check.h"
#include "test/numbers.h"
#include "test/with_threads.h"

using namespace scmoe;
using testing::skip;
using testing::values;

namespace {

struct Results {
  std::vector<float> y, pre, hidden, dx, dW1, dB1, dW2, dB2;
  double squares[2] = {0, 0};
};

struct Mlp {
  Mlp(int64_t rowsOf, int64_t in, int64_t between, Activation by)
      : rows(rowsOf),
        d(in),
        f(between),
        activation(by),
        x(values(rowsOf * in, 1)),
        w1(values(in * between, 2)),
        b1(values(between, 3)),
        w2(values(between * in, 4)),
        b2(values(in, 5)),
        dy(values(rowsOf * in, 6)) {}

  MlpWeights weights() const { return {d, f, w1.data(), b1.data(), w2.data(), b2.data(), activation}; }

  /// A guard behind each.
  Results run(bool halves) const {
    Results got;
    const int64_t words = halves ? f / 2 : f;
    for (auto* hidden : {&got.pre, &got.hidden}) hidden->assign(rows * words + 1, 7.0f);
    for (auto* likeX : {&got.y, &got.dx}) likeX->assign(rows * d + 1, 7.0f);
    for (auto* likeWeight : {&got.dW1, &got.dW2}) likeWeight->assign(d * f + 1, 7.0f);
    got.dB1.assign(f + 1, 7.0f);
    got.dB2.assign(d + 1, 7.0f);
    mlpForward(weights(), rows, x.data(), got.y.data(), got.pre.data(), got.hidden.data(), halves);
    mlpBackward(weights(), rows, dy.data(), x.data(), got.pre.data(), got.hidden.data(), halves,
                {got.dx.data(), got.dW1.data(), got.dB1.data(), got.dW2.data(), got.dB2.data(), got.squares});
    for (const auto* all : {&got.y, &got.pre, &got.hidden, &got.dx, &got.dW1, &got.dB1, &got.dW2, &got.dB2})
      CHECK(all->back() == 7.0f);
    return got;
  }

  /// By two layers, which keep the hidden layer as float32; `before`, if any, is what the gradient takes for it.
  Results layers(const std::vector<float>* before) const {
    Results got;
    got.y.resize(rows * d + 1, 7.0f);
    got.pre.resize(rows * f + 1, 7.0f);
    got.hidden.resize(rows * f + 1, 7.0f);
    got.dx.resize(rows * d + 1, 7.0f);
    got.dW1.resize(d * f + 1, 7.0f);
    got.dW2.resize(d * f + 1, 7.0f);
    got.dB1.resize(f + 1, 7.0f);
    got.dB2.resize(d + 1, 7.0f);
    std::vector<float> dHidden(rows * f);
    linearForward(rows, d, f, x.data(), w1.data(), b1.data(), activation, false, got.hidden.data(), got.pre.data());
    linearForward(rows, f, d, got.hidden.data(), w2.data(), b2.data(), Activation::kNone, false, got.y.data(), nullptr);
    linearBackward(rows, f, d, dy.data(), got.hidden.data(), w2.data(), nullptr, Activation::kNone, false,
                   dHidden.data(), got.dW2.data(), got.dB2.data());
    linearBackward(rows, d, f, dHidden.data(), x.data(), w1.data(), before ? before->data() : got.pre.data(),
                   activation, false, got.dx.data(), got.dW1.data(), got.dB1.data());
    return got;
  }

  const int64_t rows, d, f;
  const Activation activation;
  const std::vector<float> x, w1, b1, w2, b2, dy;
};

/// Halves of a hidden layer, row by row: where it is tiled they lie in panels, `paired` or not.
std::vector<float> widened(const Mlp& mlp, const std::vector<float>& words, bool paired) {
  const int64_t rows = mlp.rows, f = mlp.f;
  std::vector<uint16_t> from(rows * f);
  std::memcpy(from.data(), words.data(), from.size() * sizeof(uint16_t));
  const PairedPanels<const uint16_t> panels(rows, f, from.data());
  const bool tiled = tilesMlp(rows, mlp.d, f);
  std::vector<float> to;
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < f; ++j) {
      const int64_t inPanel = j % kTiledColumns, column = j - inPanel;
      if (!tiled)
        to.push_back(fromBf16(from[i * f + j]));
      else if (!paired)
        to.push_back(fromBf16(from[column * rows + i * panels.width(column) + inPanel]));
      else if (i == rows - 1 && panels.hasSingle())
        to.push_back(fromBf16(panels.single(column)[inPanel]));
      else
        to.push_back(fromBf16(panels.pair(i / 2 * 2, column)[2 * inPanel + i % 2]));
    }
  return to;
}

bool areSame(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

struct InPrecision {
  explicit InPrecision(Precision value) : before(precision()) { setPrecision(value); }
  ~InPrecision() { setPrecision(before); }
  const Precision before;
};

double sumOf(const std::vector<float>& values) {
  double sum = 0;
  for (size_t i = 0; i + 1 < values.size(); ++i) sum += static_cast<double>(values[i]) * static_cast<double>(values[i]);
  return sum;
}

constexpr Activation kActivations[] = {Activation::kGelu, Activation::kGeluTanh, Activation::kSilu};

}  // namespace

TEST(an_mlp_of_float32_is_its_two_layers_bit_for_bit) {
  for (const Activation activation : kActivations) {
    const Mlp mlp(70, 24, 40, activation);
    const Results got = mlp.run(false), expected = mlp.layers(nullptr);
    CHECK(areSame(got.y, expected.y) && areSame(got.pre, expected.pre) && areSame(got.hidden, expected.hidden));
    CHECK(areSame(got.dx, expected.dx) && areSame(got.dW1, expected.dW1) && areSame(got.dB1, expected.dB1));
    CHECK(areSame(got.dW2, expected.dW2) && areSame(got.dB2, expected.dB2));
  }
}

TEST(an_mlp_in_bf16_is_its_two_layers_with_what_it_keeps_rounded) {
  if (!hasBf16()) skip("this CPU does not multiply bf16");
  const InPrecision bf16(Precision::kBf16);
  // Tiled and not; rows of no whole block or pair, and columns of no whole panel.
  const int64_t sizes[][3] = {{9, 6, 4}, {203, 512, 288}, {97, 288, 512}, {98, 512, 288}};
  for (const auto& [rows, d, f] : sizes)
    for (const Activation activation : kActivations) {
      const Mlp mlp(rows, d, f, activation);
      const Results got = mlp.run(true);
      const std::vector<float> pre = widened(mlp, got.pre, false), hidden = widened(mlp, got.hidden, true);
      const Results expected = mlp.layers(&pre);
      CHECK(areSame(got.y, expected.y));
      for (int64_t i = 0; i < rows * f; ++i) {
        CHECK(pre[i] == fromBf16(toBf16(expected.pre[i])));
        CHECK(hidden[i] == fromBf16(toBf16(expected.hidden[i])));
      }
      CHECK(areSame(got.dx, expected.dx) && areSame(got.dW1, expected.dW1) && areSame(got.dW2, expected.dW2));
      for (int64_t j = 0; j < f; ++j) CHECK_CLOSE(got.dB1[j], expected.dB1[j], 1e-3);
      for (int64_t j = 0; j < d; ++j) CHECK_CLOSE(got.dB2[j], expected.dB2[j], 1e-3);
      CHECK(std::abs(got.squares[0] / sumOf(got.dW1) - 1) < 1e-5 &&
            std::abs(got.squares[1] / sumOf(got.dW2) - 1) < 1e-5);
    }
}

TEST(a_tiled_mlp_has_the_same_weights_gradients_with_any_number_of_threads) {
  if (!hasBf16() || !tilesMlp(203, 512, 288)) skip("this CPU or build has no tiled products");
  const InPrecision bf16(Precision::kBf16);
  const Mlp mlp(203, 512, 288, Activation::kGelu);
  const Results one = mlp.run(true);
  const testing::WithThreads three(3);
  const Results several = mlp.run(true);
  CHECK(areSame(one.y, several.y) && areSame(one.dx, several.dx));
  CHECK(areSame(one.dW1, several.dW1) && areSame(one.dW2, several.dW2));
}
