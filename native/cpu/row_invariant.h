#pragma once
#include <cstdint>

/// Float32 products each of whose rows has the same bits however many rows there are: docs/decisions.md#rows.
namespace scmoe {

/// Whether oneDNN's own kernels here are those whose last bits depend on the number of rows, in ways that are known:
/// its AVX2 kernels.
bool rowsDependOnTheirNumber();

/// gemm() of float32 with A as it is, on such a CPU, no size 0. Row i of C depends on row i of A, on B and on nothing
/// else: not on m, not on i, not on the number of threads. But for products that oneDNN copies into blocks of its own,
/// which is faster: those with 1/m + 1/n < 0.0038 and k > 384, from 264 rows on.
void rowInvariantGemm(bool transposeB, int64_t m, int64_t n, int64_t k, float alpha, const float* a, int64_t lda,
                      const float* b, int64_t ldb, float beta, float* c, int64_t ldc);

}  // namespace scmoe
