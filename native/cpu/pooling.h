#pragma once
#include "cpu/window.h"

/// Pooling of each channel, with what TF.js does at the edges: pixels outside take no part.
namespace scmoe {

/// The largest value in each window; NaN is none. -Infinity where there is no value.
void maxPool(const Window& window, const float* x, float* y);
/// dy goes to the first (or the last) of the largest values of its window, or nowhere where there is none.
void maxPoolBackward(const Window& window, bool takesLast, const float* x, const float* dy, float* dx);

/// The mean of the values that are in the window; NaN where there is none.
void averagePool(const Window& window, const float* x, float* y);
/// As TF.js has it: each pixel of a window gets the same share, of which those outside have theirs.
void averagePoolBackward(const Window& window, const float* dy, float* dx);

}  // namespace scmoe
