import type { KernelCost } from './kernelCosts.js';
import type { TokenCosts } from './TokenCosts.js';

/** What decides the cost of a self-attention besides the tokens. */
export interface SelfAttentionSizes {
  numHeads: number;
  numKvHeads: number;
  /** Components of a head; d / numHeads by default. */
  headSize?: number;
  /** Norms of queries and keys. */
  qkNorm?: 'none' | 'perHead' | 'perHeadTurned' | 'whole';
  causal: boolean;
  /** A gate on what the heads give. */
  outputGate?: boolean;
  /** Biases of all projections, or of those of queries, keys and values alone. */
  attentionBias: boolean | 'qkv';
}

/**
 * What a self-attention costs: projections and multi-head attention, without the norm before it and without a past.
 * Keys and values are results of the operator, for later tokens need them.
 */
export function selfAttentionCost(
  of: TokenCosts,
  {
    numHeads,
    numKvHeads,
    headSize = of.d / numHeads,
    qkNorm = 'none',
    causal,
    outputGate = false,
    attentionBias,
  }: SelfAttentionSizes,
): KernelCost[] {
  const { d, batch, sequenceLength: length } = of;
  const [queries, keys] = [headSize * numHeads, headSize * numKvHeads];
  const bias = attentionBias !== false;
  const inner = { outputs: queries, innerOutput: true };
  return [
    of.mergedLinear(d, [inner, { outputs: keys }, { outputs: keys }, ...(outputGate ? [inner] : [])], { bias }),
    ...(qkNorm === 'none' ? [] : [of.norm('rms', queries), of.norm('rms', keys)]),
    of.kernels.attention({ batch, length, numHeads, numKvHeads, headSize, causal }),
    of.linear(queries, d, { bias: attentionBias === true, innerInput: true }),
  ];
}

/** What an MLP of hidden width f costs; with `gated` it has three matrices (SwiGLU) instead of two. */
export function mlpCost(of: TokenCosts, f: number, { gated, bias }: { gated: boolean; bias: boolean }): KernelCost[] {
  const { d, tokens } = of;
  if (!gated) return [of.kernels.mlp({ rows: tokens, size: d, hidden: f, bias })];
  const up = of.linear(d, f, { bias, activated: true, innerOutput: true });
  const down = of.linear(f, d, { bias, innerInput: true });
  if (!bias) return [of.kernels.swiglu({ rows: tokens, size: d, hidden: f })];
  return [up, of.linear(d, f, { bias, innerInput: true, innerOutput: true }), down];
}
