import { resolveCostOptions, type CostOptions, type ResolvedCostOptions } from './CostOptions.js';
import { kernelCosts, type KernelCost, type KernelCosts } from './kernelCosts.js';

/** What the cost of an operator is made of: how much work there is, and what kernels cost. */
export interface CostContext extends ResolvedCostOptions {
  /** Width of a token. */
  d: number;
  /** Sequences of `sequenceLength` tokens. */
  batch: number;
  kernels: KernelCosts;
  /** All tokens through one matrix. `activated`: in one kernel with an activation. */
  linear(inputs: number, outputs: number, options?: { bias?: boolean; activated?: boolean }): KernelCost;
  /** A norm over all tokens, of width d by default. */
  norm(kind: 'layer' | 'rms', size?: number): KernelCost;
}

/** Makes what operators say their costs by. @throws ArgumentError where the tokens are no whole sequences. */
export function costContext(d: number, options: number | CostOptions): CostContext {
  const resolved = resolveCostOptions(options);
  const { tokens, sequenceLength, bytesPerElement } = resolved;
  const kernels = kernelCosts(bytesPerElement);
  return {
    ...resolved,
    d,
    batch: tokens / sequenceLength,
    kernels,
    linear: (inputs, outputs, options) => kernels.linear({ rows: tokens, inputs, outputs, ...options }),
    norm: (norm, size = d) => kernels.norm({ rows: tokens, size, norm }),
  };
}
