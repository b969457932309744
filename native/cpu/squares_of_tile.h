#pragma once
#include <cstdint>
#include <cstring>

#include "cpu/simd.h"

namespace scmoe {

/// Sum of the squares of `count` vectors of a tile's sums, of which few are added in float32: those that are too large
/// or too small for that are added in double.
inline double squaresOfTile(const float* sums, int count) {
  Vec all{};
  for (int v = 0; v < count; ++v) all += load(sums + v * kLanes) * load(sums + v * kLanes);
  alignas(64) float lanes[kLanes];
  store(lanes, all);
  double total = 0;
  for (const float lane : lanes) total += static_cast<double>(lane);
  if (total > 1e-24 && total < 1e36) return total;
  double exact = 0;
  for (int i = 0; i < count * kLanes; ++i) exact += static_cast<double>(sums[i]) * static_cast<double>(sums[i]);
  return exact;
}

/// The same of sums in registers, which nobody waits for: for a product in bf16. What cannot be added in float32 is
/// read where they have been written, rows `stride` apart.
template <int Rows, int Vectors>
class SquaresInRegisters {
 public:
  [[gnu::always_inline]] explicit SquaresInRegisters(const Vec (&sum)[Rows][Vectors]) {
    Vec of[Vectors];
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) of[v] = sum[0][v] * sum[0][v];
#pragma GCC unroll 6
    for (int i = 1; i < Rows; ++i)
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) of[v] += sum[i][v] * sum[i][v];
#pragma GCC unroll 4
    for (int v = 1; v < Vectors; ++v) of[0] += of[v];
    Half half[2];
    std::memcpy(half, &of[0], sizeof half);
    const Doubles both = __builtin_convertvector(half[0], Doubles) + __builtin_convertvector(half[1], Doubles);
    Quarter quarter[2];
    std::memcpy(quarter, &both, sizeof quarter);
    const Quarter sums = quarter[0] + quarter[1];
    total_ = 0;
    for (int lane = 0; lane < kLanes / 4; ++lane) total_ += sums[lane];
  }
  double of(const float* written, int64_t stride) const {
    if (total_ > 1e-24 && total_ < 1e36) return total_;
    double exact = 0;
    for (int i = 0; i < Rows; ++i)
      for (int j = 0; j < Vectors * kLanes; ++j)
        exact += static_cast<double>(written[i * stride + j]) * static_cast<double>(written[i * stride + j]);
    return exact;
  }

 private:
  typedef float Half __attribute__((vector_size(kLanes * 2)));
  typedef double Doubles __attribute__((vector_size(kLanes * 4)));
  typedef double Quarter __attribute__((vector_size(kLanes * 2)));

  double total_;
};

}  // namespace scmoe
