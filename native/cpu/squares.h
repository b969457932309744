#pragma once
#include <cstdint>

namespace scmoe {

/// Sum of squares in double, on the calling thread.
double sumOfSquares(const float* values, int64_t count);

/// The same of a large array, with all threads: in pieces whose sums are added in their order, which depends on the
/// size alone.
double sumOfSquaresByAll(const float* values, int64_t count);

}  // namespace scmoe
