#include "cpu/squares.h"

#include <algorithm>
#include <vector>

#include "core/parallel.h"
#include "cpu/simd.h"

namespace scmoe {

double sumOfSquares(const float* values, int64_t count) {
  constexpr int kHalf = kLanes / 2, kSums = 4;
  typedef double Doubles __attribute__((vector_size(kHalf * 8)));
  typedef float Floats __attribute__((vector_size(kHalf * 4), aligned(4), may_alias));
  // Four sums side by side: one alone would wait for its own additions, and not for memory.
  Doubles sums[kSums] = {};
  int64_t i = 0;
  for (; i + kSums * kHalf <= count; i += kSums * kHalf)
    for (int part = 0; part < kSums; ++part) {
      const Floats next = *reinterpret_cast<const Floats*>(values + i + part * kHalf);
      const Doubles wide = __builtin_convertvector(next, Doubles);
      sums[part] += wide * wide;
    }
  double total = 0;
  for (; i < count; ++i) total += static_cast<double>(values[i]) * static_cast<double>(values[i]);
  const Doubles all = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  for (int lane = 0; lane < kHalf; ++lane) total += all[lane];
  return total;
}

double sumOfSquaresByAll(const float* values, int64_t count) {
  constexpr int64_t kPiece = 16384;
  const int64_t pieces = (count + kPiece - 1) / kPiece;
  std::vector<double> sums(pieces);
  parallelFor(pieces, 1, [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p)
      sums[p] = sumOfSquares(values + p * kPiece, std::min(kPiece, count - p * kPiece));
  });
  double total = 0;
  for (double sum : sums) total += sum;
  return total;
}

}  // namespace scmoe
