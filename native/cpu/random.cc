#include "cpu/random.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/parallel.h"

namespace scmoe {

namespace {

inline uint64_t bitsOf(double x) {
  uint64_t bits;
  std::memcpy(&bits, &x, 8);
  return bits;
}

inline double fromBits(uint64_t bits) {
  double x;
  std::memcpy(&x, &bits, 8);
  return x;
}

/// ln x of a normal number, within an ulp or two: ln(m 2^e) with m from sqrt(1/2) to sqrt(2), and ln m = 2 artanh(s).
inline double logarithm(double x) {
  constexpr uint64_t kRootHalf = 0x3fe6a09e667f3bcd, kMantissa = (uint64_t{1} << 52) - 1;
  constexpr double kBias = 4503599627370496.0 + 1024.0;  // 2^52, of which the low bits are an integer
  const uint64_t shifted = bitsOf(x) - kRootHalf + (uint64_t{1024} << 52);
  const double e = fromBits(0x4330000000000000 | (shifted >> 52)) - kBias;
  const double m = fromBits((shifted & kMantissa) + kRootHalf);
  const double s = (m - 1.0) / (m + 1.0), z = s * s;
  double p = 1.0 / 23.0;
  p = p * z + 1.0 / 21.0;
  p = p * z + 1.0 / 19.0;
  p = p * z + 1.0 / 17.0;
  p = p * z + 1.0 / 15.0;
  p = p * z + 1.0 / 13.0;
  p = p * z + 1.0 / 11.0;
  p = p * z + 1.0 / 9.0;
  p = p * z + 1.0 / 7.0;
  p = p * z + 1.0 / 5.0;
  p = p * z + 1.0 / 3.0;
  // ln 2 in two parts, of which the first times any exponent is exact.
  return e * 0x1.62e42fefa38p-1 + (e * 0x1.ef35793c7673p-45 + 2.0 * (s + s * z * p));
}

/// Cosine and sine of a turn's part w / 2^32: the angle to the nearest quarter turn is exact, and at most pi / 4.
inline void cosineAndSine(uint32_t w, double* cosine, double* sine) {
  const uint32_t quarter = (w + (uint32_t{1} << 29)) >> 30;
  const double angle = static_cast<double>(static_cast<int32_t>(w - (quarter << 30))) * 0x1.921fb54442d18p-30;
  const double z = angle * angle;
  double c = 1.0 / 20922789888000.0;
  c = c * z - 1.0 / 87178291200.0;
  c = c * z + 1.0 / 479001600.0;
  c = c * z - 1.0 / 3628800.0;
  c = c * z + 1.0 / 40320.0;
  c = c * z - 1.0 / 720.0;
  c = c * z + 1.0 / 24.0;
  c = c * z - 0.5;
  c = c * z + 1.0;
  double s = 1.0 / 355687428096000.0;
  s = s * z - 1.0 / 1307674368000.0;
  s = s * z + 1.0 / 6227020800.0;
  s = s * z - 1.0 / 39916800.0;
  s = s * z + 1.0 / 362880.0;
  s = s * z - 1.0 / 5040.0;
  s = s * z + 1.0 / 120.0;
  s = s * z - 1.0 / 6.0;
  s = angle + angle * z * s;
  const bool isOdd = quarter & 1;
  const double ofCosine = isOdd ? s : c, ofSine = isOdd ? c : s;
  *cosine = ((quarter + 1) & 2) != 0 ? -ofCosine : ofCosine;
  *sine = (quarter & 2) != 0 ? -ofSine : ofSine;
}

/// Calls make(words, numbers) for the runs of blocks that hold the elements, and copies what is wanted of the numbers.
template <typename Make>
void forRuns(PhiloxSequence sequence, uint64_t offset, int64_t count, int64_t grain, float* out, const Make& make) {
  const uint64_t firstBlock = offset / 4;
  const int64_t skipped = static_cast<int64_t>(offset % 4);
  const int64_t runs = (skipped + count + kPhiloxWords - 1) / kPhiloxWords;
  parallelFor(count == 0 ? 0 : runs, grain, [&](int64_t begin, int64_t end) {
    uint32_t words[kPhiloxWords];
    float numbers[kPhiloxWords];
    for (int64_t run = begin; run < end; ++run) {
      philoxWords(sequence, firstBlock + static_cast<uint64_t>(run) * kPhiloxBlocks, words);
      make(words, numbers);
      const int64_t start = run * kPhiloxWords - skipped;
      const int64_t from = std::max<int64_t>(0, start), to = std::min(count, start + kPhiloxWords);
      std::copy(numbers + (from - start), numbers + (to - start), out + from);
    }
  });
}

}  // namespace

void randomUniform(PhiloxSequence sequence, uint64_t offset, int64_t count, float* out) {
  forRuns(sequence, offset, count, 32, out, [](const uint32_t* words, float* numbers) {
#pragma omp simd
    for (int64_t i = 0; i < kPhiloxWords; ++i) numbers[i] = uniformOf(words[i]);
  });
}

void randomNormal(PhiloxSequence sequence, uint64_t offset, int64_t count, double mean, double deviation, float* out) {
  forRuns(sequence, offset, count, 8, out, [mean, deviation](const uint32_t* words, float* numbers) {
    constexpr int64_t kPairs = kPhiloxWords / 2;
    double radius[kPairs], cosine[kPairs], sine[kPairs];
#pragma omp simd
    for (int64_t i = 0; i < kPairs; ++i) {
      // As a signed number: AVX2 has no conversion of others.
      const double word = static_cast<double>(static_cast<int32_t>(words[2 * i] ^ 0x80000000u)) + 2147483648.0;
      radius[i] = deviation * std::sqrt(-2.0 * logarithm((word + 1.0) * 0x1p-32));
    }
#pragma omp simd
    for (int64_t i = 0; i < kPairs; ++i) cosineAndSine(words[2 * i + 1], cosine + i, sine + i);
#pragma omp simd
    for (int64_t i = 0; i < kPairs; ++i) {
      numbers[2 * i] = static_cast<float>(mean + radius[i] * cosine[i]);
      numbers[2 * i + 1] = static_cast<float>(mean + radius[i] * sine[i]);
    }
  });
}

}  // namespace scmoe
