#include "cpu/fourier.h"

#include <cmath>
#include <complex>
#include <vector>

#include "core/parallel.h"
#include "test/check.h"

using namespace scmoe;

namespace {

constexpr double kPi = 3.14159265358979323846;

struct Numbers {
  std::vector<float> real, imaginary;

  explicit Numbers(int64_t count) : real(count), imaginary(count) {}
  Complex<float> parts() { return {real.data(), imaginary.data()}; }
  Complex<const float> read() const { return {real.data(), imaginary.data()}; }
};

Numbers someNumbers(int64_t count) {
  Numbers x(count);
  for (int64_t i = 0; i < count; ++i) {
    x.real[i] = static_cast<float>(std::sin(0.7 * static_cast<double>(i)));
    x.imaginary[i] = static_cast<float>(std::cos(1.3 * static_cast<double>(i * i % 101)));
  }
  return x;
}

/// Largest difference of a row from the definition, in double precision.
double worstOfRow(const Numbers& x, const Numbers& y, int64_t row, int64_t columns) {
  double worst = 0;
  for (int64_t k = 0; k < columns; ++k) {
    std::complex<double> sum = 0;
    for (int64_t j = 0; j < columns; ++j) {
      const std::complex<double> number(x.real[row * columns + j], x.imaginary[row * columns + j]);
      sum += number * std::polar(1.0, -2 * kPi * static_cast<double>(j * k % columns) / static_cast<double>(columns));
    }
    const std::complex<double> found(y.real[row * columns + k], y.imaginary[row * columns + k]);
    worst = std::max(worst, std::abs(sum - found));
  }
  return worst;
}

}  // namespace

TEST(transforms_rows_of_any_length_as_the_definition_says) {
  for (const int64_t columns : {1, 2, 3, 7, 16, 60, 97, 211}) {
    for (const int64_t rows : {1, 15, 16, 33}) {
      const Numbers x = someNumbers(rows * columns);
      Numbers y(rows * columns);
      fourier(rows, columns, false, x.read(), y.parts());
      for (const int64_t row : {int64_t{0}, rows - 1})
        CHECK(worstOfRow(x, y, row, columns) < 3e-6 * static_cast<double>(columns));
    }
  }
}

TEST(the_inverse_gives_back_what_was_transformed) {
  const int64_t rows = 40, columns = 90;
  const Numbers x = someNumbers(rows * columns);
  Numbers y(rows * columns), z(rows * columns);
  fourier(rows, columns, false, x.read(), y.parts());
  fourier(rows, columns, true, y.read(), z.parts());
  double worst = 0;
  for (int64_t i = 0; i < rows * columns; ++i)
    worst = std::max(worst, static_cast<double>(std::fabs(x.real[i] - z.real[i])));
  CHECK(worst < 2e-6);
}

TEST(rows_have_the_same_bits_on_any_number_of_threads) {
  const int64_t rows = 70, columns = 50;
  const Numbers x = someNumbers(rows * columns);
  Numbers one(rows * columns), several(rows * columns);
  const int before = threads();
  setThreads(1);
  fourier(rows, columns, false, x.read(), one.parts());
  setThreads(3);
  fourier(rows, columns, false, x.read(), several.parts());
  setThreads(before);
  CHECK(one.real == several.real);
  CHECK(one.imaginary == several.imaginary);
}
