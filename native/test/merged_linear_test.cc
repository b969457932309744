#include "cpu/merged_linear.h"

#include <cstring>
#include <vector>

#include "core/parallel.h"
#include "cpu/gemm.h"
#include "cpu/linear.h"
#include "cpu/tiled_gemm.h"
#include "test/check.h"
#include "test/numbers.h"
#include "test/with_threads.h"

using namespace scmoe;
using testing::skip;
using testing::values;

namespace {

using Numbers = std::vector<float>;

struct Results {
  std::vector<Numbers> y, dWeights, dBiases;
  Numbers dx;
};

struct Layers {
  Layers(int64_t rowsOf, int64_t in, const std::vector<int64_t>& widths)
      : rows(rowsOf), dIn(in), outputs(widths), x(values(rowsOf * in, 1)) {
    for (size_t i = 0; i < outputs.size(); ++i) {
      weights.push_back(values(dIn * outputs[i], 10 + i));
      biases.push_back(values(outputs[i], 20 + i));
      dys.push_back(values(rows * outputs[i], 30 + i));
    }
  }

  /// A guard behind each.
  Results room() const {
    Results made;
    for (const int64_t dOut : outputs) {
      made.y.emplace_back(rows * dOut + 1, 7.0f);
      made.dWeights.emplace_back(dIn * dOut + 1, 7.0f);
      made.dBiases.emplace_back(dOut + 1, 7.0f);
    }
    made.dx.assign(rows * dIn + 1, 7.0f);
    return made;
  }

  Results merged() const {
    Results got = room();
    std::vector<MergedLayer> forward;
    std::vector<MergedLayerGradient> backward;
    for (size_t i = 0; i < outputs.size(); ++i) {
      forward.push_back({outputs[i], weights[i].data(), biases[i].data(), got.y[i].data()});
      backward.push_back({outputs[i], dys[i].data(), weights[i].data(), got.dWeights[i].data(), got.dBiases[i].data()});
    }
    mergedLinearForward(rows, dIn, x.data(), forward);
    mergedLinearBackward(rows, dIn, x.data(), backward, got.dx.data());
    return got;
  }

  /// By one layer after the other, whose gradients of x are added up from the last to the first.
  Results apart() const {
    Results got = room();
    Numbers dx(got.dx);
    for (size_t i = outputs.size(); i-- > 0;) {
      const bool isFirst = i + 1 == outputs.size();
      linearForward(rows, dIn, outputs[i], x.data(), weights[i].data(), biases[i].data(), Activation::kNone, false,
                    got.y[i].data(), nullptr);
      linearBackward(rows, dIn, outputs[i], dys[i].data(), x.data(), weights[i].data(), nullptr, Activation::kNone,
                     false, dx.data(), got.dWeights[i].data(), got.dBiases[i].data());
      for (int64_t j = 0; j < rows * dIn; ++j) got.dx[j] = isFirst ? dx[j] : got.dx[j] + dx[j];
    }
    return got;
  }

  const int64_t rows, dIn;
  const std::vector<int64_t> outputs;
  const Numbers x;
  std::vector<Numbers> weights, biases, dys;
};

bool areSame(const Numbers& a, const Numbers& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

bool areSame(const std::vector<Numbers>& a, const std::vector<Numbers>& b) {
  for (size_t i = 0; i < a.size(); ++i)
    if (!areSame(a[i], b[i])) return false;
  return a.size() == b.size();
}

void checkClose(const Numbers& got, const Numbers& expected) {
  CHECK(got.size() == expected.size());
  for (size_t i = 0; i < got.size(); ++i) CHECK_CLOSE(got[i], expected[i], 1e-3);
}

struct InPrecision {
  explicit InPrecision(Precision value) : before(precision()) { setPrecision(value); }
  ~InPrecision() { setPrecision(before); }
  const Precision before;
};

}  // namespace

TEST(merged_layers_of_float32_are_layers_one_by_one_bit_for_bit) {
  for (const Layers& layers : {Layers(70, 24, {40, 8, 9}), Layers(3, 64, {64, 32}), Layers(97, 256, {512, 64, 64})}) {
    const Results got = layers.merged(), expected = layers.apart();
    CHECK(areSame(got.y, expected.y) && areSame(got.dx, expected.dx));
    CHECK(areSame(got.dWeights, expected.dWeights) && areSame(got.dBiases, expected.dBiases));
  }
}

TEST(merged_layers_in_bf16_are_layers_one_by_one) {
  if (!hasBf16()) skip("this CPU does not multiply bf16");
  const InPrecision bf16(Precision::kBf16);
  // Tiled, of no whole blocks and of depths in two pieces; beside widths that tiles don't have; too few rows and
  // numbers.
  for (const Layers& layers : {Layers(203, 256, {512, 96, 96}), Layers(601, 288, {288, 288, 288}),
                               Layers(203, 256, {512, 24, 24}), Layers(9, 256, {512, 64}), Layers(80, 32, {32, 32})}) {
    const Results got = layers.merged(), expected = layers.apart();
    CHECK(areSame(got.y, expected.y));
    checkClose(got.dx, expected.dx);
    for (size_t i = 0; i < layers.outputs.size(); ++i) {
      checkClose(got.dWeights[i], expected.dWeights[i]);
      checkClose(got.dBiases[i], expected.dBiases[i]);
    }
  }
}

TEST(merged_layers_in_tiles_have_the_same_bits_with_any_number_of_threads) {
  if (!hasBf16() || !tilesGradients(true, 203, 256, 704)) skip("this CPU or build has no tiled products");
  const InPrecision bf16(Precision::kBf16);
  const Layers layers(203, 256, {512, 96, 96});
  const Results one = layers.merged();
  const testing::WithThreads three(3);
  const Results several = layers.merged();
  CHECK(areSame(one.y, several.y) && areSame(one.dx, several.dx) && areSame(one.dWeights, several.dWeights));
}
