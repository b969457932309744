#pragma once
#include <cstdint>

namespace scmoe {

/// How a token is drawn from its scores: topK, topP, minP and typicalP in this order, each on what the one before has
/// left, as SamplingOptions.ts of @scmoe/models says.
struct DrawOptions {
  /// Finite and >= 0; 0 takes the most likely token.
  double temperature;
  int64_t topK;
  double topP, minP, typicalP;
};

/// The token at place `uniform` of [0, 1): the one that TokenSampler.ts draws in JavaScript, for exponentials have the
/// same bits and sums the same order. -1 where no score is above -infinity; -2 - i where score i is NaN, the first of
/// them.
int64_t drawToken(const float* scores, int64_t count, const DrawOptions& options, double uniform);

}  // namespace scmoe
