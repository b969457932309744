#include "cpu/transposed_rows.h"

#include <cstdint>
#include <vector>

#include "core/parallel.h"
#include "cpu/bf16.h"
#include "cpu/blocked_gemm.h"
#include "cpu/gemm.h"
#include "cpu/transposed_weight.h"
#include "test/check.h"
#include "test/numbers.h"

using namespace scmoe;
using testing::haveSameBits;
using testing::skip;
using testing::values;

namespace {

struct Sizes {
  int64_t dIn, dOut;
};
/// One depth and several, whole vectors and rests of rows and columns.
constexpr Sizes kSizes[] = {{64, 48}, {400, 64}, {1000, 37}, {33, 5}, {1, 1}, {1537, 16}};

}  // namespace

TEST(rows_have_the_bits_of_the_blocked_product_however_many_they_are) {
  if (!hasBlockedGemm()) skip("this build has no products of its own");
  for (const auto [dIn, dOut] : kSizes)
    for (int64_t rows = 1; rows <= kFewTransposed; ++rows)
      for (const int count : {1, 3}) {
        setThreads(count);
        const std::vector<float> x = values(rows * dIn, 1), weight = values(dOut * dIn, 2);
        std::vector<float> y(rows * dOut, 7.0f), expected(rows * dOut);
        multiplyTransposedRows(rows, dIn, dOut, x.data(), WeightFormat::kFloat32, weight.data(), y.data());
        blockedGemm(false, true, rows, dOut, dIn, 1.0f, x.data(), dIn, weight.data(), dIn, 0.0f, expected.data(), dOut);
        CHECK(haveSameBits(y, expected));
      }
  setThreads(1);
}

TEST(bf16_has_the_bits_of_the_same_numbers_in_float32_at_any_even_address) {
  for (const auto [dIn, dOut] : kSizes) {
    std::vector<float> weight = values(dOut * dIn, 3);
    std::vector<uint16_t> stored(dOut * dIn + 1);
    for (int64_t i = 0; i < dOut * dIn; ++i) {
      stored[i + 1] = toBf16(weight[i]);
      weight[i] = fromBf16(stored[i + 1]);
    }
    for (const int64_t rows : {1, 2, 8}) {
      const std::vector<float> x = values(rows * dIn, 4);
      std::vector<float> y(rows * dOut), expected(rows * dOut);
      multiplyTransposedRows(rows, dIn, dOut, x.data(), WeightFormat::kBf16, stored.data() + 1, y.data());
      multiplyTransposedRows(rows, dIn, dOut, x.data(), WeightFormat::kFloat32, weight.data(), expected.data());
      CHECK(haveSameBits(y, expected));
    }
  }
}

TEST(matrices_are_put_in_order_exactly) {
  for (const auto [dIn, dOut] : kSizes) {
    const std::vector<float> first = values(dOut * dIn, 5);
    std::vector<float> second(dOut * dIn), to(2 * dIn * dOut);
    std::vector<uint16_t> bits(dOut * dIn);
    for (int64_t i = 0; i < dOut * dIn; ++i) second[i] = fromBf16(bits[i] = toBf16(first[i]));
    const void* const floats[] = {first.data(), second.data()};
    expandTransposed(2, dIn, dOut, {WeightFormat::kFloat32, nullptr, nullptr, floats}, to.data());
    const void* const halves[] = {bits.data()};
    std::vector<float> widened(dIn * dOut);
    expandTransposed(1, dIn, dOut, {WeightFormat::kBf16, nullptr, nullptr, halves}, widened.data());
    for (int64_t p = 0; p < dIn; ++p)
      for (int64_t j = 0; j < dOut; ++j) {
        CHECK(to[p * dOut + j] == first[j * dIn + p]);
        CHECK(to[dIn * dOut + p * dOut + j] == second[j * dIn + p]);
        CHECK(widened[p * dOut + j] == second[j * dIn + p]);
      }
  }
}

TEST(and_of_many_rows_with_columns_that_are_put_in_order_a_few_at_a_time) {
  if (!usesBlockedGemm()) skip("float32 products are a library's here");
  const int64_t rows = 29;
  // Several blocks of columns, the last one with some that are left.
  for (const auto [dIn, dOut] : {Sizes{1000, 83}, Sizes{400, 240}, Sizes{70, 1000}}) {
    const std::vector<float> x = values(rows * dIn, 8), weight = values(dOut * dIn, 9);
    std::vector<float> y(rows * dOut, 7.0f), expected(rows * dOut);
    blockedGemm(false, true, rows, dOut, dIn, 1.0f, x.data(), dIn, weight.data(), dIn, 0.0f, expected.data(), dOut);
    for (const int count : {1, 3}) {
      setThreads(count);
      transposedProduct(rows, dIn, dOut, x.data(), WeightFormat::kFloat32, weight.data(), true, y.data());
      CHECK(haveSameBits(y, expected));
    }
  }
  setThreads(1);
}

TEST(many_rows_give_the_product_too) {
  for (const auto [dIn, dOut] : kSizes)
    for (const int64_t rows : {9, 33}) {
      const std::vector<float> x = values(rows * dIn, 6);
      std::vector<float> weight = values(dOut * dIn, 7), y(rows * dOut), other(rows * dOut);
      std::vector<uint16_t> bits(dOut * dIn);
      for (int64_t i = 0; i < dOut * dIn; ++i) weight[i] = fromBf16(bits[i] = toBf16(weight[i]));
      transposedProduct(rows, dIn, dOut, x.data(), WeightFormat::kFloat32, weight.data(), true, y.data());
      transposedProduct(rows, dIn, dOut, x.data(), WeightFormat::kBf16, bits.data(), true, other.data());
      CHECK(haveSameBits(y, other));
      for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < dOut; ++j) {
          double sum = 0;
          for (int64_t p = 0; p < dIn; ++p) sum += static_cast<double>(x[i * dIn + p]) * weight[j * dIn + p];
          CHECK_CLOSE(y[i * dOut + j], sum, 1e-6 * dIn);
        }
    }
}
