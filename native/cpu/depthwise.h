#pragma once
#include "cpu/epilogue.h"
#include "cpu/window.h"

/// Convolutions of each channel by itself, with `multiplier` filters: (filterHeight, filterWidth, channels,
/// multiplier).
namespace scmoe {

/// y (batch, outHeight, outWidth, channels * multiplier).
void depthwiseForward(const Window& window, int64_t multiplier, const float* x, const float* filter,
                      const Epilogue& epilogue, float* y);

/// dFilter, like the filter.
void depthwiseBackwardFilter(const Window& window, int64_t multiplier, const float* x, const float* dy, float* dFilter);

/// dx, like x.
void depthwiseBackwardInput(const Window& window, int64_t multiplier, const float* dy, const float* filter, float* dx);

}  // namespace scmoe
