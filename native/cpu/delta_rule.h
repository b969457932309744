#pragma once
#include <cstdint>

namespace scmoe {

/// A gated delta network, and the tokens of one sequence that it goes on with. The convolution covers `before` tokens
/// besides each one's own. Value head h reads key head h / (valueHeads / keyHeads).
struct DeltaShape {
  int64_t tokens, keyHeads, valueHeads, keySize, valueSize, before;

  /// Components of all queries, keys and values of a token.
  int64_t channels() const { return 2 * keyHeads * keySize + valueHeads * valueSize; }
};

/// What the network remembers of the tokens before: the rows (before, channels) that the convolution still covers, and
/// the state (valueHeads, keySize, valueSize). Null: there were none.
struct DeltaPast {
  const float *taps, *state;
};

/// The gated delta rule (arXiv 2412.06464, equation 10), token by token: a convolution (before + 1, channels) along the
/// tokens of `mixed` (tokens, channels), SiLU, queries and keys of length 1, queries divided by sqrt(keySize); then for
/// each value head S = exp(logDecay) S, S = S + k beta (v - S^T k)^T, out (tokens, valueHeads, valueSize) = S^T q.
/// `taps` and `state` get what the next tokens need; they are no memory of `past`. What a sequence gives does not
/// depend on the number of threads, nor on how its tokens are cut into calls.
void deltaRule(const DeltaShape& shape, const float* mixed, const float* beta, const float* logDecay,
               const float* convolution, const DeltaPast& past, float* out, float* taps, float* state);

}  // namespace scmoe
