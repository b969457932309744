#pragma once
#include <cstdint>

#include "cpu/stored_weight.h"

/// storedProduct() with a matrix in panels, which is read once, in the order of memory, on all threads.
namespace scmoe {

/// Whether so few rows are multiplied sooner than the weight is expanded.
bool hasStoredRows(int64_t rows, int64_t dIn, int64_t dOut);

/// A few rows: each number is summed as blockedGemm() sums it, with its bits.
void multiplyStoredRows(int64_t rows, int64_t dIn, int64_t dOut, const float* x, const StoredWeight& weight, float* y);

/// Whether many rows are multiplied sooner with the panels than with the weight in order.
bool hasStoredPanels(int64_t dIn, int64_t dOut);

/// Any number of rows, panel by panel.
void multiplyStoredPanels(int64_t rows, int64_t dIn, int64_t dOut, const float* x, const StoredWeight& weight,
                          float* y);

/// Whether there are products of bf16 numbers with bf16 panels.
bool hasStoredPairs(int64_t dIn, int64_t dOut, const StoredWeight& weight);

/// The same with rows that are rounded to bf16, summed in float32.
void multiplyStoredPairs(int64_t rows, int64_t dIn, int64_t dOut, const float* x, const StoredWeight& weight, float* y);

}  // namespace scmoe
