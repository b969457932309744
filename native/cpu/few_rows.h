#pragma once
#include <cstdint>

namespace scmoe {

/// Up to this many rows are multiplied sooner than sixteen columns of B are read one after the other.
constexpr int64_t kFewRows = 2;
/// The same where B is no transposed matrix and too large for the caches.
constexpr int64_t kFewRowsOfLarge = 8;
/// From so many numbers on a matrix is large.
constexpr int64_t kLarge = int64_t{1} << 19;

/// C (m, n) = A (m, k) op(B) + beta * C for so few rows (kFewRows where B is transposed, else kFewRowsOfLarge) and a
/// multiple of sixteen columns, on the calling thread, with the bits that blockedGemm() gives. B is read once, in place
/// and in its own order.
void multiplyFewRows(bool transposeB, int64_t m, int64_t n, int64_t k, const float* a, int64_t lda, const float* b,
                     int64_t ldb, float beta, float* c, int64_t ldc);

}  // namespace scmoe
