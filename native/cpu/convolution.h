#pragma once
#include "cpu/epilogue.h"
#include "cpu/window.h"

/// Convolutions of pictures as products: the pixels under the filter side by side in a row, block after block so that
/// they stay in the cache, times the filter as a matrix. Sums come in an order that depends on no number of threads.
namespace scmoe {

/// y (batch, outHeight, outWidth, outChannels). @param filter (filterHeight, filterWidth, channels, outChannels)
void convolutionForward(const Window& window, int64_t outChannels, const float* x, const float* filter,
                        const Epilogue& epilogue, float* y);

/// dFilter, like the filter. @param dy like y
void convolutionBackwardFilter(const Window& window, int64_t outChannels, const float* x, const float* dy,
                               float* dFilter);

/// dx (batch, inHeight, inWidth, channels).
void convolutionBackwardInput(const Window& window, int64_t outChannels, const float* dy, const float* filter,
                              float* dx);

}  // namespace scmoe
