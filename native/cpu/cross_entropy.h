#pragma once
#include <cstdint>

namespace scmoe {

/// Counts the targets that are not `ignore`. Throws, in the name of `function`, where another one is no class.
int64_t checkTargets(const char* function, int64_t rows, int64_t classes, const int32_t* targets, int32_t ignore);

/// Mean over counted targets of (1 - smoothing) * nll + smoothing * mean over classes of -log p. Keeps logsumexp
/// (rows). Throws where a target is neither a class nor `ignore`. Returns the number of counted targets.
int64_t crossEntropyForward(int64_t rows, int64_t classes, const float* logits, const int32_t* targets, int32_t ignore,
                            float smoothing, float* loss, float* logsumexp);
/// dLogits (rows, classes) for the gradient `dLoss` of the mean.
void crossEntropyBackward(int64_t rows, int64_t classes, const float* logits, const int32_t* targets, int32_t ignore,
                          float smoothing, const float* logsumexp, float counted, float dLoss, float* dLogits);

}  // namespace scmoe
