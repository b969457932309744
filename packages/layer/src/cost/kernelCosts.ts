import type { OperatorCost } from './OperatorCost.js';

export type KernelCost = Omit<OperatorCost, 'allToAllBytes'>;

const bytesPerInteger = 4;

/**
 * Costs of the kernels that layers are made of, with so many bytes for each element. A product of (m, n) and (n, p) has
 * 2 m n p operations, its two gradients twice that. Attention counts the whole square of queries and keys, as PaLM's
 * appendix B (arXiv 2204.02311) does, although a causal kernel skips half of it.
 */
export function kernelCosts(bytesPerElement: number) {
  const cost = (
    flops: { forward: number; backward: number },
    floats: { forward: number; backward: number },
    integers = 0,
  ) =>
    ({
      forwardFlops: flops.forward,
      backwardFlops: flops.backward,
      forwardBytes: floats.forward * bytesPerElement + integers * bytesPerInteger,
      backwardBytes: floats.backward * bytesPerElement + integers * bytesPerInteger,
    }) satisfies KernelCost;
  const product = (forward: number) => ({ forward, backward: 2 * forward });
  const none = { forward: 0, backward: 0 };

  return {
    /** x (rows, inputs) -> (rows, outputs). Its gradient reads the values before an activation as well. */
    linear: ({ rows, inputs, outputs, bias = false, activated = false }: LinearSizes): KernelCost => {
      const weight = inputs * outputs;
      const read = rows * inputs + weight;
      return cost(product(2 * rows * weight), {
        forward: read + (bias ? outputs : 0) + rows * outputs,
        backward: (activated ? 2 : 1) * rows * outputs + read + (rows * inputs + weight + outputs),
      });
    },

    /** Mean (layer alone) and deviation of each row are kept. */
    norm: ({ rows, size, norm }: { rows: number; size: number; norm: 'layer' | 'rms' }): KernelCost => {
      const parameters = norm === 'rms' ? size : 2 * size;
      const kept = norm === 'rms' ? rows : 2 * rows;
      return cost(none, {
        forward: 2 * rows * size + parameters + kept,
        backward: 3 * rows * size + size + kept + parameters,
      });
    },

    /**
     * Scores and weighted sum: two products forward. Backward there are five, for the kernel makes the scores once more
     * instead of keeping them (FlashAttention, arXiv 2205.14135, section 3.1).
     */
    attention: ({ batch, length, numHeads, numKvHeads, headSize }: AttentionSizes): KernelCost => {
      const one = 2 * batch * length * length * numHeads * headSize;
      const queries = batch * length * numHeads * headSize;
      const keysAndValues = 2 * batch * length * numKvHeads * headSize;
      const logsumexp = batch * length * numHeads;
      return cost(
        { forward: 2 * one, backward: 5 * one },
        {
          forward: 2 * queries + keysAndValues + logsumexp,
          backward: 4 * queries + 2 * keysAndValues + logsumexp,
        },
      );
    },

    /** (silu(x gate) * (x up)) down in one kernel, without biases. */
    swiglu: ({ rows, size, hidden }: { rows: number; size: number; hidden: number }): KernelCost => {
      const weights = 3 * size * hidden;
      return cost(product(2 * rows * weights), {
        forward: 2 * rows * size + weights,
        backward: 3 * rows * size + 2 * rows * hidden + 2 * weights,
      });
    },

    /** The feed-forward layers of `numExperts`, of whose buffer of `bufferRows` `rows` are filled. */
    groupedFfn: ({ rows, bufferRows, numExperts, size, hidden, gated, bias }: GroupedFfnSizes): KernelCost => {
      const perExpert = (gated ? 3 : 2) * size * hidden;
      const weights = numExperts * perExpert;
      const biases = numExperts * ((gated ? 2 : 1) * hidden + size);
      return cost(
        product(2 * rows * perExpert),
        {
          forward: 2 * bufferRows * size + weights + (bias ? biases : 0),
          backward: 3 * bufferRows * size + 2 * bufferRows * hidden + 2 * weights + (bias ? biases : 0),
        },
        numExperts,
      );
    },

    /** Tokens to rows in the order of their experts; the gradient is the way back. */
    encode: ({ tokens, topK, rows, size }: PackingSizes): KernelCost => {
      const moved = (tokens + rows) * size;
      return cost(none, { forward: moved, backward: moved }, tokens * topK);
    },

    /** Weighted sum of the rows of each token. */
    decode: ({ tokens, topK, rows, size }: PackingSizes): KernelCost => {
      const forward = (tokens + rows) * size + tokens * topK;
      return cost(none, { forward, backward: forward + rows * size + tokens * topK }, tokens * topK);
    },
  };
}

export type KernelCosts = ReturnType<typeof kernelCosts>;

interface LinearSizes {
  rows: number;
  inputs: number;
  outputs: number;
  bias?: boolean;
  activated?: boolean;
}

interface AttentionSizes {
  batch: number;
  length: number;
  numHeads: number;
  numKvHeads: number;
  headSize: number;
}

interface GroupedFfnSizes {
  rows: number;
  bufferRows: number;
  numExperts: number;
  size: number;
  hidden: number;
  gated: boolean;
  bias: boolean;
}

interface PackingSizes {
  tokens: number;
  topK: number;
  rows: number;
  size: number;
}
