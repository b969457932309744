#include "cpu/streamed_gemm.h"

#include <cstring>
#include <utility>
#include <vector>

#include "core/parallel.h"
#include "cpu/bf16.h"
#include "cpu/gemm.h"
#include "test/check.h"
#include "test/numbers.h"

using namespace scmoe;
using testing::skip;
using testing::values;

namespace {

/// The operands of a layer and the three products, by this file or by the products that it stands in for.
struct Layer {
  Layer(int64_t rowsOf, int64_t in, int64_t out, bool rounds)
      : rows(rowsOf),
        dIn(in),
        dOut(out),
        bf16(rounds),
        x(values(rows * in, 1)),
        dy(values(rows * out, 2)),
        weight(values(in * out, 3)),
        x16(rounded(x)),
        dy16(rounded(dy)),
        weight16(rounded(weight)) {}

  static std::vector<uint16_t> rounded(const std::vector<float>& from) {
    std::vector<uint16_t> to(from.size());
    convertToBf16(from.data(), 1, from.size(), from.size(), to.data());
    return to;
  }

  /// y, dx and dWeight, one behind the other. Guards behind each say whether it was left.
  std::vector<float> products(bool streamed) const {
    std::vector<float> all(rows * (dOut + dIn) + dIn * dOut + 1, 7.0f);
    float *const y = all.data(), *const dx = y + rows * dOut, *const dWeight = dx + rows * dIn;
    if (streamed && bf16) {
      streamedForward(rows, dIn, dOut, x16.data(), weight.data(), y);
      streamedInputGradient(rows, dIn, dOut, dy16.data(), weight.data(), dx);
      streamedWeightGradient(rows, dIn, dOut, x16.data(), dy16.data(), dWeight);
    } else if (streamed) {
      streamedForward(rows, dIn, dOut, x.data(), weight.data(), y);
      streamedInputGradient(rows, dIn, dOut, dy.data(), weight.data(), dx);
      streamedWeightGradient(rows, dIn, dOut, x.data(), dy.data(), dWeight);
    } else if (bf16) {
      gemmBf16(false, false, rows, dOut, dIn, x16.data(), dIn, weight16.data(), dOut, 0.0f, y, dOut);
      gemmBf16(false, true, rows, dIn, dOut, dy16.data(), dOut, weight16.data(), dOut, 0.0f, dx, dIn);
      gemmBf16(true, false, dIn, dOut, rows, x16.data(), dIn, dy16.data(), dOut, 0.0f, dWeight, dOut);
    } else {
      gemmFloat32(false, false, rows, dOut, dIn, 1.0f, x.data(), dIn, weight.data(), dOut, 0.0f, y, dOut);
      gemmFloat32(false, true, rows, dIn, dOut, 1.0f, dy.data(), dOut, weight.data(), dOut, 0.0f, dx, dIn);
      gemmFloat32(true, false, dIn, dOut, rows, 1.0f, x.data(), dIn, dy.data(), dOut, 0.0f, dWeight, dOut);
    }
    return all;
  }

  const int64_t rows, dIn, dOut;
  const bool bf16;
  std::vector<float> x, dy, weight;
  const std::vector<uint16_t> x16, dy16, weight16;
};

void needStreams(bool bf16) {
  if (!streamsGemm(LayerProduct::kForward, bf16, 16, 64, 64)) skip("this CPU or build has no streamed products");
  if (bf16 && !hasBf16()) skip("no bf16 products to compare with");
}

void compare(bool bf16) {
  needStreams(bf16);
  // Whole panels and narrower ones; depths in one, two and three pieces; odd numbers of rows.
  const int64_t sizes[][2] = {{32, 32}, {64, 96}, {192, 384}, {416, 160}, {800, 64}, {32, 1600}};
  for (const auto& [dIn, dOut] : sizes)
    for (const int64_t rows : {1, 2, 7, 16, 31}) {
      const Layer layer(rows, dIn, dOut, bf16);
      const auto got = layer.products(true), expected = layer.products(false);
      for (size_t i = 0; i < got.size(); ++i) CHECK_CLOSE(got[i], expected[i], 1e-4);
      CHECK(got.back() == 7.0f);
    }
}

/// The first row of y and dx in products with so many rows.
std::vector<float> firstRows(int64_t rows, bool bf16) {
  const Layer layer(rows, 448, 800, bf16);
  const auto all = layer.products(true);
  std::vector<float> result(all.begin(), all.begin() + 800);
  result.insert(result.end(), all.begin() + rows * 800, all.begin() + rows * 800 + 448);
  return result;
}

}  // namespace

TEST(streamed_products_are_those_of_the_library_in_float32) { compare(false); }
TEST(streamed_products_are_those_of_the_library_in_bf16) { compare(true); }

TEST(a_row_of_a_streamed_product_is_the_same_among_any_number_of_rows) {
  needStreams(false);
  for (const bool bf16 : {false, true}) {
    const auto alone = firstRows(1, bf16);
    // The generator's sequence begins alike whatever its length, so the first rows of the operands are the same.
    for (const int64_t rows : {2, 8, 9, 30}) {
      const auto among = firstRows(rows, bf16);
      CHECK(std::memcmp(alone.data(), among.data(), alone.size() * sizeof(float)) == 0);
    }
  }
}

TEST(streamed_products_have_the_same_bits_on_several_threads) {
  needStreams(false);
  const int before = threads();
  for (const bool bf16 : {false, true}) {
    const Layer layer(29, 384, 416, bf16);
    setThreads(1);
    const auto one = layer.products(true);
    setThreads(3);
    const auto three = layer.products(true);
    setThreads(before);
    CHECK(std::memcmp(one.data(), three.data(), one.size() * sizeof(float)) == 0);
  }
}

TEST(streamed_products_that_ask_for_the_next_weight_and_count_squares_have_the_same_bits) {
  needStreams(false);
  for (const auto& [dIn, dOut] : {std::pair<int64_t, int64_t>{192, 384}, {416, 160}})
    for (const float unit : {1.0f, 1e-25f, 1e22f}) {
      Layer layer(13, dIn, dOut, false);
      for (float& value : layer.dy) value *= unit;
      const auto expected = layer.products(true);
      std::vector<float> got(expected.size(), 7.0f);
      float *const y = got.data(), *const dx = y + 13 * dOut, *const dWeight = dx + 13 * dIn;
      const std::vector<float> other = values(dIn * dOut, 4);
      WeightAhead ahead{other.data(), nullptr};
      streamedForward(13, dIn, dOut, layer.x.data(), layer.weight.data(), y, &ahead);
      CHECK(ahead.near == other.data());
      ahead = {other.data(), layer.weight.data()};
      streamedInputGradient(13, dIn, dOut, layer.dy.data(), layer.weight.data(), dx, &ahead);
      double squares = 0, sum = 0;
      streamedWeightGradient(13, dIn, dOut, layer.x.data(), layer.dy.data(), dWeight, &squares, &ahead);
      CHECK(ahead.near == other.data());
      CHECK(std::memcmp(got.data(), expected.data(), got.size() * sizeof(float)) == 0);
      for (int64_t i = 0; i < dIn * dOut; ++i) sum += static_cast<double>(dWeight[i]) * dWeight[i];
      CHECK_CLOSE(squares / sum, 1.0, 1e-7);
    }
}

TEST(layers_of_many_rows_or_odd_widths_are_not_streamed) {
  for (const LayerProduct product :
       {LayerProduct::kForward, LayerProduct::kInputGradient, LayerProduct::kWeightGradient})
    for (const bool bf16 : {false, true}) {
      CHECK(!streamsGemm(product, bf16, 33, 64, 64));
      CHECK(!streamsGemm(product, bf16, 0, 64, 64));
      CHECK(!streamsGemm(product, bf16, 16, 40, 64));
      CHECK(!streamsGemm(product, bf16, 16, 64, 0));
    }
}
