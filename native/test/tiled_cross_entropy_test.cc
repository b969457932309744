#include "cpu/tiled_cross_entropy.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/parallel.h"
#include "cpu/bf16.h"
#include "cpu/gemm.h"
#include "test/check.h"
#include "test/numbers.h"

using namespace scmoe;
using testing::haveSameBits;
using testing::normal;
using testing::skip;

namespace {

constexpr int32_t kIgnore = -100;

std::vector<float> rounded(std::vector<float> from) {
  for (float& value : from) value = fromBf16(toBf16(value));
  return from;
}

/// Loss and gradients, a guard behind each of these.
struct Result {
  Result(int64_t rows, int64_t dIn, int64_t classes)
      : dx(rows * dIn + 1, 7.0f), dWeight(dIn * classes + 1, 7.0f), dBias(classes + 1, 7.0f) {}

  float loss = NAN;
  std::vector<float> dx, dWeight, dBias;
};

struct Head {
  Head(int64_t rowsOf, int64_t in, int64_t classesOf, bool isTransposed, float smooths)
      : rows(rowsOf),
        dIn(in),
        classes(classesOf),
        transposed(isTransposed),
        smoothing(smooths),
        x(normal(rowsOf * in, 1)),
        weight(normal(in * classesOf, 2)),
        bias(normal(classesOf, 3)),
        targets(rowsOf) {
    for (float& value : weight) value *= 0.3f;
    for (int64_t i = 0; i < rows; ++i)
      targets[i] = i % 7 == 3 ? kIgnore : static_cast<int32_t>((i * 11 + classes - 1) % classes);
  }

  Result tiled(int64_t pieceFloats = int64_t{16} << 20) const {
    const LinearCrossEntropy shape{rows, dIn, classes, transposed, kIgnore, smoothing, pieceFloats};
    Result got(rows, dIn, classes);
    setPrecision(Precision::kBf16);
    linearCrossEntropy(shape, x.data(), weight.data(), bias.data(), targets.data(), &got.loss, got.dx.data(),
                       got.dWeight.data(), got.dBias.data());
    setPrecision(Precision::kFloat32);
    return got;
  }

  float lossAlone() const {
    const LinearCrossEntropy shape{rows, dIn, classes, transposed, kIgnore, smoothing};
    float loss = NAN;
    setPrecision(Precision::kBf16);
    linearCrossEntropy(shape, x.data(), weight.data(), bias.data(), targets.data(), &loss, nullptr, nullptr, nullptr);
    setPrecision(Precision::kFloat32);
    return loss;
  }

  int64_t placeOf(int64_t i, int64_t j) const { return transposed ? j * dIn + i : i * classes + j; }

  /// The same by sums in double, of operands as they are rounded.
  Result composed() const {
    const auto a = rounded(x), b = rounded(weight);
    Result made(rows, dIn, classes);
    std::vector<double> dx(rows * dIn), dWeight(dIn * classes), dBias(classes), logits(classes);
    double loss = 0, counted = 0;
    for (int32_t target : targets) counted += target != kIgnore;
    for (int64_t t = 0; t < rows; ++t) {
      if (targets[t] == kIgnore) continue;
      double sum = 0, total = 0;
      for (int64_t j = 0; j < classes; ++j) {
        double logit = bias[j];
        for (int64_t i = 0; i < dIn; ++i) logit += double{a[t * dIn + i]} * b[placeOf(i, j)];
        logits[j] = logit;
        sum += std::exp(logit);
        total += logit;
      }
      const double lse = std::log(sum);
      loss += (1 - smoothing) * (lse - logits[targets[t]]);
      if (smoothing != 0.0f) loss += smoothing * (lse - total / classes);
      for (int64_t j = 0; j < classes; ++j) {
        const double isTarget = j == targets[t] ? 1 - smoothing : 0;
        const double gradient = (std::exp(logits[j] - lse) - smoothing / classes - isTarget) / counted;
        dBias[j] += gradient;
        for (int64_t i = 0; i < dIn; ++i) {
          dx[t * dIn + i] += gradient * b[placeOf(i, j)];
          dWeight[placeOf(i, j)] += gradient * a[t * dIn + i];
        }
      }
    }
    made.loss = static_cast<float>(loss / counted);
    std::copy(dx.begin(), dx.end(), made.dx.begin());
    std::copy(dWeight.begin(), dWeight.end(), made.dWeight.begin());
    std::copy(dBias.begin(), dBias.end(), made.dBias.begin());
    return made;
  }

  int64_t rows, dIn, classes;
  bool transposed;
  float smoothing;
  std::vector<float> x, weight, bias;
  std::vector<int32_t> targets;
};

/// Largest difference as a share of the largest number.
float farthest(const std::vector<float>& a, const std::vector<float>& b) {
  float difference = 0, largest = 0;
  for (size_t i = 0; i + 1 < a.size(); ++i) {
    difference = std::max(difference, std::abs(a[i] - b[i]));
    largest = std::max(largest, std::abs(b[i]));
  }
  return difference / largest;
}

void skipWithoutTiles() {
  if (!hasBf16() || !tilesCrossEntropy(true, 32, 100)) skip("this CPU or build has no tiled products");
}

bool isSame(const Result& a, const Result& b) {
  return a.loss == b.loss && haveSameBits(a.dx, b.dx) && haveSameBits(a.dWeight, b.dWeight) &&
         haveSameBits(a.dBias, b.dBias);
}

}  // namespace

TEST(tiles_give_what_sums_in_double_give) {
  skipWithoutTiles();
  setThreads(1);
  const struct {
    int64_t rows, dIn, classes;
    float smoothing;
  } sizes[] = {{1, 32, 96, 0.0f}, {33, 96, 101, 0.1f}, {97, 64, 500, 0.0f}, {150, 32, 867, 0.1f}};
  for (const auto& [rows, dIn, classes, smoothing] : sizes)
    for (bool transposed : {false, true}) {
      const Head head(rows, dIn, classes, transposed, smoothing);
      const Result expected = head.composed(), got = head.tiled();
      CHECK_CLOSE(got.loss, expected.loss, 1e-5 * expected.loss);
      CHECK_CLOSE(head.lossAlone(), got.loss, 0);
      // Exponentials and gradients are rounded to eight bits each.
      CHECK(farthest(got.dx, expected.dx) < 4e-3f);
      CHECK(farthest(got.dWeight, expected.dWeight) < 4e-3f);
      CHECK(farthest(got.dBias, expected.dBias) < 4e-3f);
      for (const auto* all : {&got.dx, &got.dWeight, &got.dBias}) CHECK(all->back() == 7.0f);
    }
}

TEST(pieces_of_tokens_add_up) {
  skipWithoutTiles();
  setThreads(1);
  for (bool transposed : {false, true}) {
    const Head head(150, 96, 411, transposed, 0.1f);
    const Result whole = head.tiled(), pieces = head.tiled(1);
    CHECK(whole.loss == pieces.loss);
    CHECK(farthest(pieces.dx, whole.dx) == 0.0f);
    CHECK(farthest(pieces.dWeight, whole.dWeight) < 1e-5f);
    CHECK(farthest(pieces.dBias, whole.dBias) < 1e-5f);
  }
}

TEST(bits_are_those_of_any_number_of_threads) {
  skipWithoutTiles();
  for (bool transposed : {false, true}) {
    const Head head(200, 96, 1000, transposed, 0.0f);
    setThreads(1);
    const Result one = head.tiled();
    for (int count : {1, 2, 5}) {
      setThreads(count);
      CHECK(isSame(head.tiled(), one));
    }
  }
  setThreads(1);
}

/// A bias of -Infinity takes a class away, and so it does all classes of a tile; a target that is all but certain has a
/// gradient that its exponential in eight bits does not show.
TEST(masked_classes_and_certain_targets) {
  skipWithoutTiles();
  setThreads(1);
  Head head(40, 32, 300, true, 0.0f);
  for (int64_t j = 96; j < 200; ++j) head.bias[j] = -INFINITY;
  for (auto& target : head.targets)
    if (target != kIgnore) target = 7;
  head.bias[7] = 14.0f;
  const Result expected = head.composed(), got = head.tiled();
  CHECK_CLOSE(got.loss, expected.loss, 1e-6);
  CHECK_CLOSE(got.dBias[7], expected.dBias[7], 4e-3 * std::abs(expected.dBias[7]));
  for (int64_t j = 96; j < 200; ++j) CHECK(got.dBias[j] == 0.0f);
  CHECK(farthest(got.dx, expected.dx) < 4e-3f);
}

/// Also where the numbers of tokens that do not count are none.
TEST(tokens_that_do_not_count_have_no_gradient) {
  skipWithoutTiles();
  setThreads(1);
  Head head(40, 32, 100, false, 0.1f);
  for (int64_t t = 0; t < head.rows; ++t)
    if (head.targets[t] == kIgnore) head.x[t * head.dIn] = INFINITY;
  const Result got = head.tiled();
  CHECK(std::isfinite(got.loss));
  for (int64_t t = 0; t < head.rows; ++t)
    for (int64_t i = 0; i < head.dIn; ++i)
      if (head.targets[t] == kIgnore) CHECK(got.dx[t * head.dIn + i] == 0.0f);
}
