#include "comm/reduce.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "test/check.h"

using namespace scmoe::comm;

namespace {

const float kNan = std::numeric_limits<float>::quiet_NaN();

std::vector<float> reduced(Reduction reduction, const std::vector<std::vector<float>>& sources) {
  std::vector<const void*> pointers;
  for (const auto& source : sources) pointers.push_back(source.data());
  std::vector<float> result(sources[0].size());
  reduce(DType::kFloat32, reduction, pointers, result.data(), result.size());
  return result;
}

}  // namespace

TEST(sums_means_and_maxima_over_ranks_at_every_length) {
  for (size_t length : {size_t{0}, size_t{1}, size_t{2047}, size_t{2048}, size_t{2049}, size_t{10000}}) {
    std::vector<std::vector<float>> sources(3, std::vector<float>(length));
    for (size_t r = 0; r < 3; ++r)
      for (size_t i = 0; i < length; ++i) sources[r][i] = static_cast<float>((r + 1) * (i % 100)) - 50.0f;
    const auto sum = reduced(Reduction::kSum, sources);
    const auto mean = reduced(Reduction::kMean, sources);
    const auto max = reduced(Reduction::kMax, sources);
    for (size_t i = 0; i < length; ++i) {
      const float x = static_cast<float>(i % 100);
      CHECK(sum[i] == 6 * x - 150);
      CHECK_CLOSE(mean[i], 2 * x - 50, 1e-4);
      CHECK(max[i] == 3 * x - 50);
    }
  }
}

TEST(the_order_is_that_of_the_ranks) {
  // In float32, (1e8 + 1) - 1e8 is 0 and (1e8 - 1e8) + 1 is 1.
  CHECK(reduced(Reduction::kSum, {{1e8f}, {1.0f}, {-1e8f}})[0] == 0.0f);
  CHECK(reduced(Reduction::kSum, {{1e8f}, {-1e8f}, {1.0f}})[0] == 1.0f);
}

TEST(nan_wins_wherever_it_comes_from) {
  for (int r = 0; r < 3; ++r) {
    std::vector<std::vector<float>> sources(3, std::vector<float>{1.0f});
    sources[r][0] = kNan;
    CHECK(std::isnan(reduced(Reduction::kMax, sources)[0]));
    CHECK(std::isnan(reduced(Reduction::kSum, sources)[0]));
  }
}

TEST(the_target_may_be_a_source) {
  std::vector<float> a{1, 2, 3}, b{10, 20, 30};
  reduce(DType::kFloat32, Reduction::kSum, {a.data(), b.data()}, b.data(), 3);
  CHECK(b == (std::vector<float>{11, 22, 33}));
}

TEST(bf16_is_summed_in_float32_and_rounded_once) {
  const std::vector<float> values{256, 1, 1, 1, 1};
  std::vector<uint16_t> bits(values.size());
  toBf16(values.data(), bits.data(), values.size());
  std::vector<const void*> sources;
  for (const uint16_t& each : bits) sources.push_back(&each);
  uint16_t result = 0;
  reduce(DType::kBf16, Reduction::kSum, sources, &result, 1);
  float sum = 0;
  fromBf16(&result, &sum, 1);
  CHECK(sum == 260.0f);
}

TEST(bf16_rounds_to_nearest_even_and_keeps_what_is_special) {
  const std::vector<float> values{1.0f, 1.00390625f, 1.01171875f, kNan, std::numeric_limits<float>::infinity(), -0.0f};
  std::vector<uint16_t> bits(values.size());
  std::vector<float> back(values.size());
  toBf16(values.data(), bits.data(), values.size());
  fromBf16(bits.data(), back.data(), values.size());
  CHECK(back[0] == 1.0f);
  CHECK(back[1] == 1.0f);       // half way, the even one is below
  CHECK(back[2] == 1.015625f);  // half way, the even one is above
  CHECK(std::isnan(back[3]));
  CHECK(std::isinf(back[4]));
  CHECK(back[5] == 0.0f && std::signbit(back[5]));
}

TEST(integers_wrap_around) {
  const int32_t most = std::numeric_limits<int32_t>::max();
  const int32_t one = 1;
  int32_t result = 0;
  reduce(DType::kInt32, Reduction::kSum, {&most, &one}, &result, 1);
  CHECK(result == std::numeric_limits<int32_t>::min());
  reduce(DType::kInt32, Reduction::kMax, {&most, &one}, &result, 1);
  CHECK(result == most);
}
