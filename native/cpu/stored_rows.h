#pragma once
#include <cstdint>

#include "cpu/stored_weight.h"

namespace scmoe {

/// Whether so few rows are multiplied sooner than the weight is expanded.
bool hasStoredRows(int64_t rows, int64_t dIn, int64_t dOut);

/// storedProduct() for few rows: the weight is read once, in its own order, on all threads.
void multiplyStoredRows(int64_t rows, int64_t dIn, int64_t dOut, const float* x, const StoredWeight& weight, float* y);

}  // namespace scmoe
