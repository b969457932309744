#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "core/cpu_features.h"
#include "cpu/linear.h"
#include "test/check.h"

using namespace scmoe;

namespace {

std::vector<float> spread(int64_t count, float largest) {
  std::vector<float> x(count);
  for (int64_t i = 0; i < count; ++i) x[i] = largest * (2 * static_cast<float>(i) / static_cast<float>(count - 1) - 1);
  return x;
}

std::vector<float> gelu(std::vector<float> x) {
  finishRows(1, static_cast<int64_t>(x.size()), nullptr, Activation::kGelu, x.data(), x.data());
  return x;
}

/// The slope at each x, as the bias of a layer gets it.
std::vector<float> slope(const std::vector<float>& x) {
  const int64_t count = static_cast<int64_t>(x.size());
  const std::vector<float> dy(count, 1), weight(count, 0), input(1, 0);
  std::vector<float> dWeight(count), dBias(count);
  linearBackward(1, 1, count, dy.data(), input.data(), weight.data(), x.data(), Activation::kGelu, true, nullptr,
                 dWeight.data(), dBias.data(), nullptr, nullptr);
  return dBias;
}

double normal(double x) { return 0.5 * std::erfc(-x * std::sqrt(0.5)); }

}  // namespace

TEST(gelu_and_its_slope_are_within_three_in_ten_million) {
  const std::vector<float> x = spread(100001, 9), y = gelu(x), d = slope(x);
  double worst = 0, worstSlope = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double t = x[i], density = std::exp(-t * t / 2) * kInvSqrt2Pi;
    worst = std::max(worst, std::fabs(y[i] - t * normal(t)) / std::max(1.0, std::fabs(t)));
    worstSlope = std::max(worstSlope, std::fabs(d[i] - (normal(t) + t * density)));
  }
  CHECK(worst < 3e-7);
  CHECK(worstSlope < 3e-7);
}

TEST(gelu_ends_in_zero_and_x_and_shows_what_is_no_number) {
  const std::vector<float> x = {-100, -7, 0, 7, 100, NAN}, y = gelu(x), d = slope(x);
  CHECK(y[0] == 0 && y[1] == 0 && y[2] == 0 && y[3] == 7 && y[4] == 100);
  CHECK(std::fabs(d[0]) < 1e-9f && d[2] == 0.5f && d[4] == 1);
  CHECK(std::isnan(y[5]) && std::isnan(d[5]));
}

TEST(activations_have_the_same_bits_wherever_they_stand) {
  if ((compiledCpuFeatures & kAvx512F) == 0) testing::skip("this build leaves the ends of rows to the compiler");
  const std::vector<float> x = spread(53, 4), y = gelu(x), d = slope(x);
  for (const int64_t first : {1, 16, 37, 52}) {
    const std::vector<float> rest(x.begin() + first, x.end()), again = gelu(rest), slopes = slope(rest);
    CHECK(std::memcmp(again.data(), y.data() + first, again.size() * sizeof(float)) == 0);
    CHECK(std::memcmp(slopes.data(), d.data() + first, slopes.size() * sizeof(float)) == 0);
  }
}
