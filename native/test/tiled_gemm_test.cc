#include "cpu/tiled_gemm.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "core/parallel.h"
#include "cpu/bf16.h"
#include "cpu/gemm.h"
#include "cpu/linear.h"
#include "cpu/streamed_gemm.h"
#include "cpu/tiled_linear.h"
#include "test/check.h"
#include "test/numbers.h"

using namespace scmoe;
using testing::skip;
using testing::values;

namespace {

std::vector<float> rounded(std::vector<float> from, bool bf16) {
  if (bf16)
    for (float& value : from) value = fromBf16(toBf16(value));
  return from;
}

/// Gradients of a layer, a guard behind each.
struct Gradients {
  Gradients(int64_t rows, int64_t dIn, int64_t dOut)
      : dx(rows * dIn + 1, 7.0f), dWeight(dIn * dOut + 1, 7.0f), dBias(dOut + 1, 7.0f) {}

  std::vector<float> dx, dWeight, dBias;
};

struct Layer {
  Layer(int64_t rowsOf, int64_t in, int64_t out, bool rounds)
      : rows(rowsOf),
        dIn(in),
        dOut(out),
        bf16(rounds),
        x(values(rowsOf * in, 1)),
        weight(values(in * out, 2)),
        pre(values(rowsOf * out, 3)),
        dy(values(rowsOf * out, 4)) {}

  Gradients tiled(Activation activation, double* squares = nullptr) const {
    Gradients got(rows, dIn, dOut);
    tiledLinearBackward(bf16, rows, dIn, x.data(),
                        {{dOut, dy.data(), weight.data(), activation == Activation::kNone ? nullptr : pre.data(),
                          activation, got.dWeight.data(), got.dBias.data(), squares}},
                        got.dx.data());
    return got;
  }

  /// The same by sums in double, of operands as they are rounded.
  Gradients composed(Activation activation) const {
    Gradients made(rows, dIn, dOut);
    const auto a = rounded(x, bf16), b = rounded(weight, bf16);
    std::vector<float> slopes(dy);
    withActivation(activation, [&](auto chosen) {
      for (int64_t i = 0; i < rows * dOut; ++i) slopes[i] *= activationSlope<chosen.value>(pre[i]);
    });
    const auto g = rounded(slopes, bf16);
    std::vector<double> dWeight(dIn * dOut), dBias(dOut);
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t p = 0; p < dIn; ++p) {
        double sum = 0.0;
        for (int64_t j = 0; j < dOut; ++j) {
          sum += static_cast<double>(g[i * dOut + j]) * b[p * dOut + j];
          dWeight[p * dOut + j] += static_cast<double>(a[i * dIn + p]) * g[i * dOut + j];
        }
        made.dx[i * dIn + p] = static_cast<float>(sum);
      }
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < dOut; ++j) dBias[j] += slopes[i * dOut + j];
    std::copy(dWeight.begin(), dWeight.end(), made.dWeight.begin());
    std::copy(dBias.begin(), dBias.end(), made.dBias.begin());
    return made;
  }

  const int64_t rows, dIn, dOut;
  const bool bf16;
  const std::vector<float> x, weight, pre;
  std::vector<float> dy;
};

void needTiles() {
  if (!tilesGradients(true, 64, 512, 512)) skip("this CPU or build has no tiled products");
}

void checkClose(const std::vector<float>& got, const std::vector<float>& expected, double tolerance) {
  for (size_t i = 0; i < got.size(); ++i) CHECK_CLOSE(got[i], expected[i], tolerance);
}

void compare(bool bf16) {
  needTiles();
  // Whole panels and narrower ones; depths in one, two and three pieces, along the layer and along its rows; blocks of
  // rows that are not whole, an odd number of rows.
  const int64_t sizes[][3] = {{33, 32, 32}, {97, 64, 96}, {40, 96, 1600}, {901, 32, 64}, {1601, 64, 32}};
  for (const auto& [rows, dIn, dOut] : sizes)
    for (const Activation activation : {Activation::kNone, Activation::kGelu}) {
      const Layer layer(rows, dIn, dOut, bf16);
      const Gradients got = layer.tiled(activation), expected = layer.composed(activation);
      // A slope next to where bf16 rounds may go the other way than its twin's.
      const double tolerance = bf16 && activation != Activation::kNone ? 3e-2 : 1e-3;
      checkClose(got.dx, expected.dx, tolerance);
      checkClose(got.dWeight, expected.dWeight, tolerance);
      checkClose(got.dBias, expected.dBias, 1e-3);
    }
}

}  // namespace

TEST(gradients_of_tiled_layers_are_those_composed_of_sums_in_float32) { compare(false); }
TEST(gradients_of_tiled_layers_are_those_composed_of_sums_in_bf16) { compare(true); }

TEST(tiled_gradients_say_the_sum_of_the_squares_that_they_have_written) {
  needTiles();
  const Precision before = precision();
  for (const bool bf16 : {false, true}) {
    if (bf16 && !hasBf16()) continue;
    const Layer layer(97, 256, 544, bf16);
    double squares = 1.0, sum = 0.0;
    const Gradients got = layer.tiled(Activation::kNone, &squares);
    for (int64_t i = 0; i < 256 * 544; ++i) sum += static_cast<double>(got.dWeight[i]) * got.dWeight[i];
    CHECK_CLOSE(squares, sum + 1.0, 1e-6 * sum);
    // And so does whoever multiplies by tiles.
    CHECK(tilesGradients(bf16, 97, 256, 544));
    setPrecision(bf16 ? Precision::kBf16 : Precision::kFloat32);
    Gradients again(97, 256, 544);
    double ofLinear = 1.0;
    linearBackward(97, 256, 544, layer.dy.data(), layer.x.data(), layer.weight.data(), nullptr, Activation::kNone,
                   false, again.dx.data(), again.dWeight.data(), again.dBias.data(), &ofLinear);
    setPrecision(before);
    CHECK(ofLinear == squares && again.dWeight == got.dWeight);
  }
}

TEST(squares_that_float32_cannot_hold_are_added_as_well) {
  needTiles();
  for (const bool bf16 : {false, true})
    for (const float size : {1e-20f, 1e20f}) {
      Layer layer(40, 64, 96, bf16);
      for (float& value : layer.dy) value *= size;
      double squares = 0.0, sum = 0.0;
      const Gradients got = layer.tiled(Activation::kNone, &squares);
      for (int64_t i = 0; i < 64 * 96; ++i) sum += static_cast<double>(got.dWeight[i]) * got.dWeight[i];
      CHECK_CLOSE(squares / sum, 1.0, 1e-6);
    }
}

TEST(a_row_of_a_tiled_gradient_is_that_of_a_streamed_one) {
  needTiles();
  if (!hasBf16()) skip("no products of bf16");
  const Precision before = precision();
  for (const bool bf16 : {false, true}) {
    // The generator's sequence begins alike whatever its length, so the first rows of the operands are the same.
    const Layer few(16, 160, 832, bf16), many(131, 160, 832, bf16);
    CHECK(streamsGemm(LayerProduct::kInputGradient, bf16, 16, 160, 832));
    Gradients streamed(16, 160, 832);
    setPrecision(bf16 ? Precision::kBf16 : Precision::kFloat32);
    linearBackward(16, 160, 832, few.dy.data(), few.x.data(), few.weight.data(), nullptr, Activation::kNone, false,
                   streamed.dx.data(), nullptr, nullptr);
    setPrecision(before);
    const Gradients tiled = many.tiled(Activation::kNone);
    CHECK(std::memcmp(streamed.dx.data(), tiled.dx.data(), 16 * 160 * sizeof(float)) == 0);
  }
}

TEST(small_layers_have_tiled_gradients_of_their_rows_with_the_bits_of_streamed_ones_on_any_threads) {
  needTiles();
  const int before = threads();
  for (const auto& [dIn, dOut] : {std::pair<int64_t, int64_t>{64, 256}, {256, 64}, {80, 96}}) {
    CHECK(tilesInputGradient(false, 131, dIn, dOut) && !tilesGradients(false, 131, dIn, dOut));
    CHECK(streamsGemm(LayerProduct::kInputGradient, false, 16, dIn, dOut));
    const Layer few(16, dIn, dOut, false), many(131, dIn, dOut, false);
    const Gradients expected = many.composed(Activation::kGelu);
    for (const int count : {1, 3}) {
      setThreads(count);
      Gradients got(131, dIn, dOut), streamed(16, dIn, dOut);
      const auto backward = [&](const Layer& layer, Gradients& to) {
        linearBackward(layer.rows, layer.dIn, layer.dOut, layer.dy.data(), layer.x.data(), layer.weight.data(),
                       layer.pre.data(), Activation::kGelu, false, to.dx.data(), to.dWeight.data(), to.dBias.data());
      };
      backward(many, got);
      backward(few, streamed);
      setThreads(before);
      checkClose(got.dx, expected.dx, 1e-3);
      checkClose(got.dWeight, expected.dWeight, 1e-3);
      CHECK(std::memcmp(streamed.dx.data(), got.dx.data(), 16 * dIn * sizeof(float)) == 0);
    }
  }
}

TEST(tiled_gradients_have_the_same_bits_on_several_threads) {
  needTiles();
  const int before = threads();
  for (const bool bf16 : {false, true}) {
    const Layer layer(203, 128, 96, bf16);
    setThreads(1);
    const Gradients one = layer.tiled(Activation::kSilu);
    setThreads(3);
    const Gradients three = layer.tiled(Activation::kSilu);
    setThreads(before);
    CHECK(one.dx == three.dx && one.dWeight == three.dWeight);
  }
}

TEST(gradients_of_few_rows_small_layers_and_odd_widths_are_not_tiled) {
  for (const bool bf16 : {false, true}) {
    CHECK(!tilesGradients(bf16, 32, 512, 512));
    CHECK(!tilesGradients(bf16, 2048, 256, 256));
    CHECK(!tilesGradients(bf16, 2048, 512, 520));
    CHECK(!tilesGradients(bf16, 2048, 0, 512));
    CHECK(!tilesInputGradient(bf16, 32, 64, 256) && !tilesInputGradient(bf16, 2048, 64, 72));
  }
}
