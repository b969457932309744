import {
  kernelCosts,
  type KernelCost,
  type KernelCostOptions,
  type KernelCosts,
  type LinearSizes,
  type MergedLinearSizes,
  type NormKind,
} from './kernelCosts.js';

/** Costs of kernels over the tokens of a pass: what operators say their costs by. */
export interface TokenCosts {
  /** Width of a token. */
  readonly d: number;
  readonly tokens: number;
  /** Tokens that attend to each other. */
  readonly sequenceLength: number;
  /** Sequences of `sequenceLength` tokens. */
  readonly batch: number;
  readonly kernels: KernelCosts;
  /** All tokens through one matrix. `activated`: in one kernel with an activation. */
  linear(inputs: number, outputs: number, options?: Omit<LinearSizes, 'rows' | 'inputs' | 'outputs'>): KernelCost;
  /** All tokens through several matrices in one kernel. */
  mergedLinear(
    inputs: number,
    layers: MergedLinearSizes['layers'],
    options?: Omit<MergedLinearSizes, 'rows' | 'inputs' | 'layers'>,
  ): KernelCost;
  /** A norm over all tokens, of width d by default. */
  norm(kind: NormKind, size?: number): KernelCost;
  /** A sum of so many activations of all tokens. */
  sum(summands: number): KernelCost;
}

/** What is counted, and for how many tokens. */
export interface TokenCostsOptions extends KernelCostOptions {
  tokens: number;
  sequenceLength: number;
}

/** Makes the costs of kernels over `tokens` tokens of width d. */
export function tokenCosts(d: number, { tokens, sequenceLength, ...counted }: TokenCostsOptions): TokenCosts {
  const kernels = kernelCosts(counted);
  return {
    d,
    tokens,
    sequenceLength,
    batch: tokens / sequenceLength,
    kernels,
    linear: (inputs, outputs, options) => kernels.linear({ rows: tokens, inputs, outputs, ...options }),
    mergedLinear: (inputs, layers, options) => kernels.mergedLinear({ rows: tokens, inputs, layers, ...options }),
    norm: (norm, size = d) => kernels.norm({ rows: tokens, size, norm }),
    sum: (summands) => kernels.sum({ elements: tokens * d, summands }),
  };
}
