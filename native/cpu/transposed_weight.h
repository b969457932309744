#pragma once
#include <cstdint>

#include "cpu/stored_weight.h"

/// What stored_weight.h does, for matrices that lie transposed.
namespace scmoe {

/// storedProduct() with one matrix (dOut, dIn).
void transposedProduct(int64_t rows, int64_t dIn, int64_t dOut, const float* x, WeightFormat format, const void* weight,
                       bool float32, float* y);

/// expandWeight(): the matrices one behind the other, (count, dIn, dOut).
void expandTransposed(int64_t count, int64_t dIn, int64_t dOut, const StoredWeight& weight, float* to);

/// The matrices in panels (weight_panels.h) of their own format, one behind the other.
void putInPanels(int64_t count, int64_t dIn, int64_t dOut, const StoredWeight& weight, void* to);

}  // namespace scmoe
