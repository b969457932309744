#include "cpu/multinomial.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/arena.h"
#include "core/parallel.h"
#include "cpu/js_number.h"

// Compiled without multiply-adds: every number is the one that JavaScript has.
namespace scmoe {

namespace {

/// 2^-32.
constexpr double kUnit = 2.3283064365386963e-10;

double toUint32(double value) { return static_cast<uint32_t>(toInt32(value)); }

/// The generator of seedrandom's `alea`, Johannes Baagøe's: multiplies with carry, 96 bits of state.
class Alea {
 public:
  explicit Alea(const std::string& seed) {
    Mash mash;
    for (double& part : state_) part = mash(" ");
    for (double& part : state_) {
      part -= mash(seed);
      if (part < 0) part += 1;
    }
  }

  /// The next number of [0, 1).
  double operator()() {
    const double next = 2091639 * state_[0] + carry_ * kUnit;
    carry_ = toInt32(next);
    state_[0] = state_[1];
    state_[1] = state_[2];
    return state_[2] = next - carry_;
  }

 private:
  /// A number of [0, 1) of all texts so far.
  class Mash {
   public:
    double operator()(const std::string& text) {
      for (const char letter : text) {
        n_ += static_cast<unsigned char>(letter);
        double h = 0.02519603282416938 * n_;
        n_ = toUint32(h);
        h -= n_;
        h *= n_;
        n_ = toUint32(h);
        h -= n_;
        n_ += h * 4294967296.0;
      }
      return toUint32(n_) * kUnit;
    }

   private:
    double n_ = 0xefc8249d;
  };

  double state_[3] = {};
  double carry_ = 1;
};

/// As TF.js's kernels do it one after the other: each rounds to 32 bits.
void softmaxOf(const float* x, int64_t count, float* out) {
  float most = x[0];
  for (int64_t i = 1; i < count; ++i)
    if (x[i] != x[i] || x[i] > most) most = x[i];
  double sum = 0;
  for (int64_t i = 0; i < count; ++i) {
    const float power = x[i] - most;
    out[i] = static_cast<float>(std::exp(static_cast<double>(power)));
    sum += out[i];
  }
  const auto total = static_cast<float>(sum);
  for (int64_t i = 0; i < count; ++i) out[i] /= total;
}

/// Turns probabilities into the highest sum of the first ones up to each: the first that is above a number is where the
/// first sum is, whatever was no number or below 0.
void accumulate(float* probabilities, int64_t count) {
  float sum = 0, highest = -std::numeric_limits<float>::infinity();
  for (int64_t i = 0; i < count; ++i) {
    sum = i == 0 ? probabilities[0] : sum + probabilities[i];
    if (sum > highest) highest = sum;
    probabilities[i] = highest;
  }
}

}  // namespace

void multinomial(const Draws& draws, bool areProbabilities, const std::string& seed, const float* x, int32_t* out) {
  const auto& [rows, columns, samples] = draws;
  Arena::Scope scope;
  auto* const numbers = scope.take<double>(samples);
  Alea random(seed);
  for (int64_t i = 0; i < samples; ++i) numbers[i] = random();
  const int64_t width = columns;
  const int64_t each = samples;
  parallelFor(rows, grainFor(width * 40 + each * 40), [&](int64_t begin, int64_t end) {
    Arena::Scope own;
    auto* const sums = own.take<float>(width);
    for (int64_t row = begin; row < end; ++row) {
      const float* const from = x + row * width;
      if (areProbabilities)
        std::copy_n(from, width, sums);
      else
        softmaxOf(from, width, sums);
      // The last event is what happens where no other one does.
      accumulate(sums, width - 1);
      for (int64_t i = 0; i < each; ++i) {
        const double number = numbers[i];
        const auto isAbove = [](double value, float sum) { return value < sum; };
        out[row * each + i] = static_cast<int32_t>(std::upper_bound(sums, sums + width - 1, number, isAbove) - sums);
      }
    }
  });
}

}  // namespace scmoe
