import type { KernelCost } from './kernelCosts.js';
import type { TokenCosts } from './TokenCosts.js';

/** What decides the cost of a self-attention besides the tokens. */
export interface SelfAttentionSizes {
  numHeads: number;
  numKvHeads: number;
  causal: boolean;
  /** Biases of all projections, or of those of queries, keys and values alone. */
  attentionBias: boolean | 'qkv';
}

/**
 * What a self-attention costs: projections and multi-head attention, without the norm before it and without a past.
 * Keys and values are results of the operator, for later tokens need them.
 */
export function selfAttentionCost(
  of: TokenCosts,
  { numHeads, numKvHeads, causal, attentionBias }: SelfAttentionSizes,
): KernelCost[] {
  const { d, batch, sequenceLength: length } = of;
  const headSize = d / numHeads;
  const bias = attentionBias !== false;
  return [
    of.linear(d, d, { bias, innerOutput: true }),
    of.linear(d, headSize * numKvHeads, { bias, innerInput: true }),
    of.linear(d, headSize * numKvHeads, { bias, innerInput: true }),
    of.kernels.attention({ batch, length, numHeads, numKvHeads, headSize, causal }),
    of.linear(d, d, { bias: attentionBias === true, innerInput: true }),
  ];
}

/** What an MLP of hidden width f costs; with `gated` it has three matrices (SwiGLU) instead of two. */
export function mlpCost(of: TokenCosts, f: number, { gated, bias }: { gated: boolean; bias: boolean }): KernelCost[] {
  const { d, tokens } = of;
  const up = of.linear(d, f, { bias, activated: true, innerOutput: true });
  const down = of.linear(f, d, { bias, innerInput: true });
  if (!gated) return [up, down];
  if (!bias) return [of.kernels.swiglu({ rows: tokens, size: d, hidden: f })];
  return [up, of.linear(d, f, { bias, innerInput: true, innerOutput: true }), down];
}
