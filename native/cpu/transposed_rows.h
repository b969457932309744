#pragma once
#include <cstdint>

#include "cpu/stored_weight.h"

namespace scmoe {

/// Up to so many rows are multiplied with a transposed matrix as it lies.
constexpr int64_t kFewTransposed = 8;

/// y (rows, dOut) = x (rows, dIn) W^T for at most kFewTransposed rows and a matrix W (dOut, dIn) of float32 or bf16,
/// which is read once, in its own order, on all threads. Each number is summed as blockedGemm() sums it, with its bits.
void multiplyTransposedRows(int64_t rows, int64_t dIn, int64_t dOut, const float* x, WeightFormat format,
                            const void* weight, float* y);

}  // namespace scmoe
