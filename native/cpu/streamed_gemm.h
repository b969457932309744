#pragma once
#include <cstdint>

#include "cpu/weight_ahead.h"

/// The three products of a linear layer that has few rows, such as an expert's: the weight, or its gradient, is more
/// than what is multiplied, and comes from memory or goes there. A library that copies operands first waits for it;
/// here a weight is read in the order of memory, and a gradient is written past the caches. The bits are those of
/// oneDNN's kernels for AVX-512, and those of any number of rows.
namespace scmoe {

enum class LayerProduct { kForward, kInputGradient, kWeightGradient };

/// Whether a product of a layer (dIn, dOut) with so many rows is made here: where float32 products would be oneDNN's
/// with AVX-512, in a build for a CPU that multiplies bf16, for as few rows as are faster so. A row or two of a forward
/// product are not: nothing is used twice then.
bool streamsGemm(LayerProduct product, bool bf16, int64_t rows, int64_t dIn, int64_t dOut);

/// y (rows, dOut) = x (rows, dIn) weight (dIn, dOut). With `ahead` the next product's weight is asked for.
void streamedForward(int64_t rows, int64_t dIn, int64_t dOut, const float* x, const float* weight, float* y,
                     WeightAhead* ahead = nullptr);
/// dx (rows, dIn) = dy (rows, dOut) weight^T
void streamedInputGradient(int64_t rows, int64_t dIn, int64_t dOut, const float* dy, const float* weight, float* dx,
                           const WeightAhead* ahead = nullptr);
/// dWeight (dIn, dOut) = x^T dy; adds the sum of its squares to `squares` unless that is null.
void streamedWeightGradient(int64_t rows, int64_t dIn, int64_t dOut, const float* x, const float* dy, float* dWeight,
                            double* squares = nullptr, WeightAhead* ahead = nullptr);

/// The same with rows that are bf16 already; the weight is rounded on the way.
void streamedForward(int64_t rows, int64_t dIn, int64_t dOut, const uint16_t* x, const float* weight, float* y,
                     WeightAhead* ahead = nullptr);
void streamedInputGradient(int64_t rows, int64_t dIn, int64_t dOut, const uint16_t* dy, const float* weight, float* dx,
                           const WeightAhead* ahead = nullptr);
void streamedWeightGradient(int64_t rows, int64_t dIn, int64_t dOut, const uint16_t* x, const uint16_t* dy,
                            float* dWeight, double* squares = nullptr, WeightAhead* ahead = nullptr);

}  // namespace scmoe
