#include "cpu/fourier.h"

#include <algorithm>
#include <complex>

// Threads are ours. Tables of that many lengths are kept.
#define POCKETFFT_NO_MULTITHREADING
#define POCKETFFT_CACHE_SIZE 16
#include <pocketfft_hdronly.h>

#include "core/arena.h"
#include "core/parallel.h"

namespace scmoe {

namespace {

/// Rows whose numbers stay in the second cache.
constexpr int64_t kBlockBytes = 128 << 10;
/// The library computes as many rows at once as its vectors hold numbers, 16 at most, and rounds what is left over
/// otherwise. Threads take groups of as many, so that what a row rounds to does not depend on how many threads there
/// are.
constexpr int64_t kGroup = 16;

}  // namespace

void fourier(int64_t rows, int64_t columns, bool isInverse, Complex<const float> x, Complex<float> y) {
  const int64_t rowBytes = columns * static_cast<int64_t>(sizeof(std::complex<float>));
  const int64_t block = std::max(kGroup, kBlockBytes / rowBytes / kGroup * kGroup);
  const float scale = isInverse ? static_cast<float>(1.0 / static_cast<double>(columns)) : 1.0f;
  const int64_t groups = (rows + kGroup - 1) / kGroup;
  parallelFor(groups, grainFor(4 * kGroup * rowBytes), [&](int64_t firstGroup, int64_t endGroup) {
    const int64_t begin = firstGroup * kGroup, end = std::min(endGroup * kGroup, rows);
    Arena::Scope scope;
    auto* const numbers = scope.take<std::complex<float>>(std::min(block, end - begin) * columns);
    for (int64_t row = begin; row < end; row += block) {
      const int64_t count = std::min(block, end - row), size = count * columns;
      const float* const real = x.real + row * columns;
      const float* const imaginary = x.imaginary + row * columns;
      for (int64_t i = 0; i < size; ++i) numbers[i] = {real[i], imaginary[i]};
      const pocketfft::stride_t strides = {rowBytes, sizeof(std::complex<float>)};
      pocketfft::c2c<float>({static_cast<size_t>(count), static_cast<size_t>(columns)}, strides, strides, {1},
                            !isInverse, numbers, numbers, scale);
      for (int64_t i = 0; i < size; ++i) y.real[row * columns + i] = numbers[i].real();
      for (int64_t i = 0; i < size; ++i) y.imaginary[row * columns + i] = numbers[i].imag();
    }
  });
}

}  // namespace scmoe
