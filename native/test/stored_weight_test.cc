#include "cpu/stored_weight.h"

#include <cstdint>
#include <cstring>
#include <vector>

#include "core/parallel.h"
#include "cpu/bf16.h"
#include "cpu/blocked_gemm.h"
#include "cpu/gemm.h"
#include "cpu/stored_rows.h"
#include "cpu/transposed_weight.h"
#include "test/check.h"
#include "test/numbers.h"

using namespace scmoe;
using testing::skip;
using testing::values;

namespace {

struct Sizes {
  int64_t dIn, dOut;
};
/// One depth and several that end within a block of scales, whole panels, a part of one, and columns that are no
/// vectors.
constexpr Sizes kSizes[] = {{64, 64}, {400, 128}, {1000, 80}, {33, 208}, {1537, 16}, {70, 37}, {40, 24}, {1, 1}};
constexpr WeightFormat kFormats[] = {WeightFormat::kFloat32, WeightFormat::kBf16, WeightFormat::kInt8};

bool haveSameBits(const std::vector<float>& a, const std::vector<float>& b) {
  return std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

/// Matrices in one format, and the numbers that it has of them.
struct Stored {
  Stored(WeightFormat format, int64_t count, Sizes sizes, uint32_t seed, float factor = 1.0f)
      : bytes(4 * count * sizes.dIn * sizes.dOut),
        scales(count * scaleBlocks(sizes.dIn) * sizes.dOut),
        weight{format, bytes.data(), scales.data()},
        numbers(count * sizes.dIn * sizes.dOut) {
    std::vector<float> from = values(count * sizes.dIn * sizes.dOut, seed);
    // Each second block of scales, so that there are both.
    for (size_t i = 0; i < from.size(); ++i)
      if (i / sizes.dOut / kScaleRows % 2 == 0) from[i] *= factor;
    CHECK(storeWeight(count, sizes.dIn, sizes.dOut, from.data(), format, bytes.data(), scales.data()));
    expandWeight(count, sizes.dIn, sizes.dOut, weight, numbers.data());
    for (size_t i = 0; i < from.size(); ++i) {
      if (format == WeightFormat::kFloat32) CHECK(numbers[i] == from[i]);
      if (format == WeightFormat::kBf16) CHECK(numbers[i] == fromBf16(toBf16(from[i])));
      if (format == WeightFormat::kInt8) CHECK_CLOSE(numbers[i], from[i], 1.01 / 254);
    }
  }

  std::vector<char> bytes;
  std::vector<float> scales;
  StoredWeight weight;
  std::vector<float> numbers;
};

}  // namespace

TEST(few_rows_have_the_bits_of_the_blocked_product_however_many_they_are) {
  if (!hasBlockedGemm()) skip("this build has no products of its own");
  for (const WeightFormat format : kFormats)
    for (const Sizes sizes : kSizes) {
      const auto [dIn, dOut] = sizes;
      const Stored stored(format, 1, sizes, 2);
      for (int64_t rows = 1; hasStoredRows(rows, dIn, dOut); ++rows)
        for (const int count : {1, 3}) {
          setThreads(count);
          const std::vector<float> x = values(rows * dIn, 1);
          std::vector<float> y(rows * dOut, 7.0f), expected(rows * dOut);
          multiplyStoredRows(rows, dIn, dOut, x.data(), stored.weight, y.data());
          blockedGemm(false, false, rows, dOut, dIn, 1.0f, x.data(), dIn, stored.numbers.data(), dOut, 0.0f,
                      expected.data(), dOut);
          CHECK(haveSameBits(y, expected));
        }
      setThreads(1);
    }
}

TEST(a_row_of_bytes_has_these_bits_with_the_smallest_scales_too) {
  if (!hasBlockedGemm()) skip("this build has no products of its own");
  constexpr Sizes kWhole = {400, 128};
  for (const float factor : {1e-29f, 1e-37f, 0.0f}) {
    const Stored stored(WeightFormat::kInt8, 1, kWhole, 7, factor);
    const std::vector<float> x = values(kWhole.dIn, 8);
    std::vector<float> y(kWhole.dOut), expected(kWhole.dOut);
    multiplyStoredRows(1, kWhole.dIn, kWhole.dOut, x.data(), stored.weight, y.data());
    blockedGemm(false, false, 1, kWhole.dOut, kWhole.dIn, 1.0f, x.data(), kWhole.dIn, stored.numbers.data(),
                kWhole.dOut, 0.0f, expected.data(), kWhole.dOut);
    CHECK(haveSameBits(y, expected));
  }
}

TEST(many_rows_give_the_product_too_on_any_number_of_threads) {
  for (const WeightFormat format : kFormats)
    for (const Sizes sizes : kSizes) {
      const auto [dIn, dOut] = sizes;
      const Stored stored(format, 1, sizes, 3);
      // More than the few whose sums stay in registers.
      for (const int64_t rows : {9, 33, 101}) {
        const std::vector<float> x = values(rows * dIn, 4);
        std::vector<float> y(rows * dOut, 7.0f), again(rows * dOut);
        if (hasStoredPanels(dIn, dOut)) {
          multiplyStoredPanels(rows, dIn, dOut, x.data(), stored.weight, y.data());
          setThreads(3);
          multiplyStoredPanels(rows, dIn, dOut, x.data(), stored.weight, again.data());
          setThreads(1);
          CHECK(haveSameBits(y, again));
          if (usesBlockedGemm()) {
            blockedGemm(false, false, rows, dOut, dIn, 1.0f, x.data(), dIn, stored.numbers.data(), dOut, 0.0f,
                        again.data(), dOut);
            CHECK(haveSameBits(y, again));
          }
        } else if (hasBlockedGemm()) {
          storedProduct(rows, dIn, dOut, x.data(), stored.weight, true, y.data());
        } else {
          continue;
        }
        for (int64_t i = 0; i < rows; ++i)
          for (int64_t j = 0; j < dOut; ++j) {
            double sum = 0;
            for (int64_t p = 0; p < dIn; ++p) sum += static_cast<double>(x[i * dIn + p]) * stored.numbers[p * dOut + j];
            CHECK_CLOSE(y[i * dOut + j], sum, 1e-6 * dIn);
          }
      }
    }
}

TEST(matrices_that_lie_transposed_are_put_in_panels_exactly) {
  for (const auto [dIn, dOut] : kSizes) {
    const int64_t size = dIn * dOut;
    std::vector<float> first = values(size, 5), second = values(size, 6), to(2 * size), numbers(2 * size);
    second[size / 2] = 1e-41f;  // below float32's normal range
    const void* const floats[] = {first.data(), second.data()};
    putInPanels(2, dIn, dOut, {WeightFormat::kFloat32, nullptr, nullptr, floats}, to.data());
    expandWeight(2, dIn, dOut, {WeightFormat::kFloat32, to.data(), nullptr}, numbers.data());
    std::vector<uint16_t> bits(size), panels(size);
    for (int64_t i = 0; i < size; ++i) bits[i] = toBf16(second[i]);
    const void* const halves[] = {bits.data()};
    std::vector<float> widened(size);
    putInPanels(1, dIn, dOut, {WeightFormat::kBf16, nullptr, nullptr, halves}, panels.data());
    expandWeight(1, dIn, dOut, {WeightFormat::kBf16, panels.data(), nullptr}, widened.data());
    for (int64_t p = 0; p < dIn; ++p)
      for (int64_t j = 0; j < dOut; ++j) {
        CHECK(numbers[p * dOut + j] == first[j * dIn + p]);
        CHECK(numbers[size + p * dOut + j] == second[j * dIn + p]);
        CHECK(widened[p * dOut + j] == fromBf16(bits[j * dIn + p]));
      }
  }
}
