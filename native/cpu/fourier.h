#pragma once
#include <cstdint>

namespace scmoe {

/// Complex numbers whose real and imaginary parts lie apart.
template <typename Float>
struct Complex {
  Float* real;
  Float* imaginary;
};

/// The discrete Fourier transform of each row of x (rows, columns), or the inverse, which divides by `columns`. Any
/// length: a prime one takes O(n log n) as well.
void fourier(int64_t rows, int64_t columns, bool isInverse, Complex<const float> x, Complex<float> y);

}  // namespace scmoe
