#include "cpu/vector_math.h"

#include <algorithm>

#include "test/check.h"

using namespace scmoe;

namespace {

/// Largest error of f on [low, high], in units in the last place of the true value.
double worstUlp(float (*f)(float), double (*truth)(double), double low, double high) {
  constexpr int kSteps = 200000;
  double worst = 0;
  for (int i = 0; i <= kSteps; ++i) {
    const float x = static_cast<float>(low + (high - low) * i / kSteps);
    const double expected = truth(x);
    const float rounded = std::fabs(static_cast<float>(expected));
    if (rounded < 1.2e-38f) continue;  // no full precision below the normal numbers
    const double ulp = static_cast<double>(std::nextafter(rounded, INFINITY)) - rounded;
    worst = std::max(worst, std::fabs(f(x) - expected) / ulp);
  }
  return worst;
}

}  // namespace

TEST(exp_is_within_two_ulp) {
  CHECK(worstUlp(vexp, std::exp, -87, 88.7) < 2);
  CHECK(worstUlp(vexp, std::exp, -1, 1) < 2);
}

TEST(log_is_within_two_ulp) {
  CHECK(worstUlp(vlog, std::log, 1e-39, 1e-37) < 2);
  CHECK(worstUlp(vlog, std::log, 0.5, 2) < 2);
  CHECK(worstUlp(vlog, std::log, 1, 1e9) < 2);
}

TEST(expm1_and_log1p_are_within_three_ulp) {
  CHECK(worstUlp(vexpm1, std::expm1, -1, 1) < 3);
  CHECK(worstUlp(vexpm1, std::expm1, -1e-5, 1e-5) < 3);
  CHECK(worstUlp(vexpm1, std::expm1, -30, 88.7) < 3);
  CHECK(worstUlp(vlog1p, std::log1p, -0.999, 1) < 3);
  CHECK(worstUlp(vlog1p, std::log1p, -1e-5, 1e-5) < 3);
  CHECK(worstUlp(vlog1p, std::log1p, 0, 1e9) < 3);
}

TEST(tanh_erf_and_sigmoid_are_within_three_ulp) {
  CHECK(worstUlp(vtanh, std::tanh, -10, 10) < 3);
  CHECK(worstUlp(verf, std::erf, -6, 6) < 3);
  CHECK(worstUlp(
            vsigmoid, [](double x) { return 1 / (1 + std::exp(-x)); }, -80, 80) < 3);
}

TEST(normal_is_within_two_in_ten_million_and_ends_in_zero_and_one) {
  double worst = 0;
  for (int i = -800000; i <= 800000; ++i) {
    const double x = i / 100000.0;
    worst = std::max(worst, std::fabs(vnormal(static_cast<float>(x)) - 0.5 * std::erfc(-x * std::sqrt(0.5))));
  }
  CHECK(worst < 2e-7);
  CHECK(vnormal(-6) == 0 && vnormal(6) == 1 && vnormal(0) == 0.5f);
  CHECK(vnormal(-INFINITY) == 0 && vnormal(INFINITY) == 1);
}

TEST(infinities_and_zero_are_as_in_the_c_library) {
  CHECK(vexp(INFINITY) == INFINITY);
  CHECK(vexp(-INFINITY) == 0);
  CHECK(vexp(100) == INFINITY);
  CHECK(vexpm1(INFINITY) == INFINITY && vexpm1(100) == INFINITY);
  CHECK(vexpm1(-INFINITY) == -1 && vexpm1(0) == 0 && std::signbit(vexpm1(-0.0f)));
  CHECK(vexpm1(1e-40f) == 1e-40f && vlog1p(1e-40f) == 1e-40f);
  CHECK(vlog1p(INFINITY) == INFINITY && vlog1p(-1) == -INFINITY && std::signbit(vlog1p(-0.0f)));
  CHECK(vlog(0) == -INFINITY && vlog(-0.0f) == -INFINITY);
  CHECK(vlog(INFINITY) == INFINITY);
  CHECK(vtanh(INFINITY) == 1 && vtanh(-INFINITY) == -1);
  CHECK(verf(INFINITY) == 1 && verf(-INFINITY) == -1);
  CHECK(vsigmoid(INFINITY) == 1 && vsigmoid(-INFINITY) == 0);
}

TEST(nan_stays_nan) {
  for (auto f : {vexp, vexpm1, vlog, vlog1p, vtanh, verf, vsigmoid, vnormal}) CHECK(std::isnan(f(NAN)));
  for (const float x : {-1e-40f, -1e-3f, -1.0f, -1e30f, -INFINITY}) CHECK(std::isnan(vlog(x)));
  CHECK(std::isnan(vlog1p(-1.001f)) && std::isnan(vlog1p(-2)));
}
