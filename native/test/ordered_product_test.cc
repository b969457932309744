#include "cpu/ordered_product.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "cpu/blocked_gemm.h"
#include "test/check.h"
#include "test/numbers.h"
#include "test/with_threads.h"

using namespace scmoe;
using testing::skip;
using testing::values;
using testing::WithThreads;

namespace {

/// Six rows and what is left of them, both sides of the block of 480 rows, depths of one piece and several, columns
/// that are no whole panel, and rows of 4 KiB.
constexpr int64_t kRows[] = {1, 6, 9, 64, 101, 500};
struct Sizes {
  int64_t dIn, dOut;
};
constexpr Sizes kSizes[] = {{1, 1}, {3, 40}, {385, 33}, {1024, 48}, {1000, 17}};

/// What blockedGemm() makes of the weight (dIn, dOut).
std::vector<float> blocked(int64_t rows, Sizes sizes, const std::vector<float>& x, const std::vector<float>& weight) {
  std::vector<float> y(rows * sizes.dOut);
  blockedGemm(false, false, rows, sizes.dOut, sizes.dIn, 1.0f, x.data(), sizes.dIn, weight.data(), sizes.dOut, 0.0f,
              y.data(), sizes.dOut);
  return y;
}

}  // namespace

TEST(a_product_has_the_bits_of_the_blocked_one_whatever_is_put_in_order_together) {
  if (!hasBlockedGemm()) skip("this build has no products of its own");
  for (const int count : {1, 3}) {
    const WithThreads team(count);
    for (const Sizes sizes : kSizes) {
      const auto [dIn, dOut] = sizes;
      const std::vector<float> weight = values(dIn * dOut, 1);
      std::vector<float> turned(dIn * dOut);
      for (int64_t p = 0; p < dIn; ++p)
        for (int64_t j = 0; j < dOut; ++j) turned[j * dIn + p] = weight[p * dOut + j];
      const auto panelByPanel = [&](int64_t column, int64_t columns, int64_t begin, int64_t depth, float* to) {
        for (int64_t j = 0; j < columns; j += kOrderedColumns)
          orderTransposed(depth, std::min(kOrderedColumns, columns - j),
                          turned.data() + (column + j) * sizes.dIn + begin, sizes.dIn, to + j * depth);
      };
      for (const int64_t rows : kRows) {
        const std::vector<float> x = values(rows * dIn, 2), expected = blocked(rows, sizes, x, weight);
        for (const int64_t together : {kOrderedColumns, 4 * kOrderedColumns}) {
          std::vector<float> y(rows * dOut, 7.0f);
          orderedProduct(rows, x.data(), {dIn, dOut, turned.data(), dIn * 4, together, panelByPanel}, y.data());
          CHECK(std::memcmp(y.data(), expected.data(), y.size() * sizeof(float)) == 0);
        }
      }
    }
  }
}
