#pragma once
#include "cpu/strided.h"

namespace scmoe {

/// out (batches, m, n) = op(a) op(b) for each batch, contiguous row-major matrices; a is (m, k), or (k, m) under
/// transposeA, b is (k, n), or (n, k) under transposeB. `batches` walks over the batch dimensions with the strides of a
/// and b in matrices, 0 where one is broadcast. In the precision that setPrecision() chose.
void batchMatMul(bool transposeA, bool transposeB, int64_t m, int64_t n, int64_t k, const float* a, const float* b,
                 float* out, Strided<2> batches);

}  // namespace scmoe
