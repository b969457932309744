#pragma once
#include <cstdint>

#include "core/arena.h"

/// Float32 products of our own, for x86-64 with AVX2 and for 64-bit ARM. Row i of C depends on row i of op(A), on B and
/// on nothing else: not on how many rows there are, not on i, not on the number of threads (docs/decisions.md#rows).
namespace scmoe {

/// Whether this build has them.
bool hasBlockedGemm();

/// gemm() of float32; the arguments are its own, and no size is 0.
void blockedGemm(bool transposeA, bool transposeB, int64_t m, int64_t n, int64_t k, float alpha, const float* a,
                 int64_t lda, const float* b, int64_t ldb, float beta, float* c, int64_t ldc);

/// op(B) (k, n) in the order in which products read it, for many products with some rows of A each.
class PackedColumns {
 public:
  /// Rows of A that are multiplied together: with 384 of their depth they stay in the second-level cache.
  static constexpr int64_t kBlockRows = 96;

  /// Copies op(B) into memory of `scope`, with all threads. No size is 0.
  PackedColumns(Arena::Scope& scope, bool transposeB, int64_t n, int64_t k, const float* b, int64_t ldb);

  /// C (m, n) = A (m, k) op(B) on the calling thread, with the bits that blockedGemm() gives.
  void multiply(int64_t m, const float* a, int64_t lda, float* c, int64_t ldc) const;

 private:
  const int64_t n_, k_;
  float* const panels_;
};

}  // namespace scmoe
