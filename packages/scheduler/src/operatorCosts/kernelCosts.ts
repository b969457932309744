/** What kernels do in one pass: operations and bytes. */
export interface KernelCost {
  /** Floating-point operations of products, a multiply and an add each; of both gradients in the backward pass. */
  forwardFlops: number;
  backwardFlops: number;
  /** What products, attention, norms and the packing of tokens read and write, each operand and each result once. */
  forwardBytes: number;
  backwardBytes: number;
}

/** What is counted. */
export interface KernelCostOptions {
  /** Bytes of a number of parameters and activations. Slots and counts have 4 always. */
  bytesPerElement: number;
  /**
   * Whether every operator is one kernel, as the best of a GPU come near: its operands and results are read and written
   * once, and what passes from one of its kernels to the next, norms and their parameters among them, isn't. Without, what
   * each kernel of ours reads and writes.
   */
  fused: boolean;
  /** Whether products that a causal mask hides count: a causal kernel skips half of the square of queries and keys. */
  countMasked: boolean;
}

/** Norms with a mean and a bias, or without. */
export type NormKind = 'layer' | 'rms' | 'zeroCentredRms';

const bytesPerInteger = 4;

/** Tokens that the delta rule works out together. */
const deltaChunk = 64;

/**
 * Costs of the kernels that layers are made of: the one place of their formulas. A product of (m, n) and (n, p) has
 * 2 m n p operations, its two gradients twice that. With `countMasked` attention counts the whole square of queries and
 * keys, as PaLM's appendix B (arXiv 2204.02311) does.
 */
export function kernelCosts({ bytesPerElement, fused, countMasked }: KernelCostOptions) {
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
  /** Elements that stay within an operator where that is one kernel. */
  const inner = (elements: number, isInner = true) => (fused && isInner ? 0 : elements);

  return {
    /** x (rows, inputs) -> (rows, outputs). Its gradient reads the values before an activation as well. */
    linear: ({
      rows,
      inputs,
      outputs,
      bias = false,
      activated = false,
      innerInput,
      innerOutput,
    }: LinearSizes): KernelCost => {
      const weight = inputs * outputs;
      const x = inner(rows * inputs, innerInput ?? false);
      const y = inner(rows * outputs, innerOutput ?? false);
      const beforeActivation = activated ? inner(rows * outputs) : 0;
      return cost(product(2 * rows * weight), {
        forward: x + weight + (bias ? outputs : 0) + y,
        backward: beforeActivation + y + x + weight + (x + weight + outputs),
      });
    },

    /** Several layers of one x (rows, inputs), which is read once, and whose gradient is written once. */
    mergedLinear: ({ rows, inputs, layers, bias = false, innerInput }: MergedLinearSizes): KernelCost => {
      const x = inner(rows * inputs, innerInput ?? false);
      const floats = { forward: x, backward: 2 * x };
      let columns = 0;
      for (const { outputs, innerOutput } of layers) {
        const [weight, y] = [inputs * outputs, inner(rows * outputs, innerOutput ?? false)];
        floats.forward += weight + (bias ? outputs : 0) + y;
        floats.backward += y + 2 * weight + outputs;
        columns += outputs;
      }
      return cost(product(2 * rows * inputs * columns), floats);
    },

    /** Mean (layer alone) and deviation of each row are kept. */
    norm: ({ rows, size, norm }: { rows: number; size: number; norm: NormKind }): KernelCost => {
      const parameters = norm === 'layer' ? 2 * size : size;
      const kept = norm === 'layer' ? 2 * rows : rows;
      return cost(none, {
        forward: inner(2 * rows * size + parameters + kept),
        backward: inner(3 * rows * size + size + kept + parameters),
      });
    },

    /**
     * Scores and weighted sum: two products forward. Backward there are five, for the kernel makes the scores once more
     * instead of keeping them (FlashAttention, arXiv 2205.14135, section 3.1). Where an operator is one kernel, the projections before and
     * behind say what it reads and writes.
     */
    attention: ({ batch, length, numHeads, numKvHeads, headSize, causal }: AttentionSizes): KernelCost => {
      const counted = causal && !countMasked ? 1 / 2 : 1;
      const one = counted * 2 * batch * length * length * numHeads * headSize;
      const queries = batch * length * numHeads * headSize;
      const keysAndValues = 2 * batch * length * numKvHeads * headSize;
      const logsumexp = batch * length * numHeads;
      return cost(
        { forward: 2 * one, backward: 5 * one },
        {
          forward: inner(2 * queries + keysAndValues + logsumexp),
          backward: inner(4 * queries + 2 * keysAndValues + logsumexp),
        },
      );
    },

    /**
     * The gated delta rule in chunks of C tokens with the convolution before it. A chunk compares its tokens (k kᵀ and q kᵀ of
     * each key head), solves a triangular system and multiplies by what it may see (each value head); and it takes from the
     * state, reads it and adds to it. What lies above diagonals counts as for attention.
     */
    deltaRule: ({ tokens, numKeyHeads, numValueHeads, keySize, valueSize, taps }: DeltaRuleSizes): KernelCost => {
      const seen = (countMasked ? 1 : 1 / 2) * deltaChunk;
      const within = seen * (2 * numKeyHeads * keySize + numValueHeads * (keySize + 2 * valueSize));
      const ofState = 3 * numValueHeads * keySize * valueSize;
      const channels = 2 * numKeyHeads * keySize + numValueHeads * valueSize;
      const read = tokens * (channels + 2 * numValueHeads) + taps * channels;
      const written = tokens * numValueHeads * valueSize;
      return cost(product(2 * tokens * (within + ofState + taps * channels)), {
        forward: inner(read + written),
        backward: inner(2 * read + written),
      });
    },

    /** activation(x w1 + b1) w2 + b2: one kernel where a gradient is taken, two linear layers where not. */
    mlp: ({ rows, size, hidden, bias }: MlpSizes): KernelCost => {
      const weights = 2 * size * hidden;
      const biases = hidden + size;
      const between = inner(2 * rows * hidden);
      return cost(product(2 * rows * weights), {
        forward: 2 * rows * size + weights + (bias ? biases : 0) + between,
        backward: 3 * rows * size + between + 2 * weights + biases,
      });
    },

    /** (silu(x gate) * (x up)) down in one kernel, without biases. */
    swiglu: ({ rows, size, hidden }: { rows: number; size: number; hidden: number }): KernelCost => {
      const weights = 3 * size * hidden;
      return cost(product(2 * rows * weights), {
        forward: 2 * rows * size + weights,
        backward: 3 * rows * size + inner(2 * rows * hidden) + 2 * weights,
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
          backward: 3 * bufferRows * size + inner(2 * bufferRows * hidden) + 2 * weights + (bias ? biases : 0),
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

    /**
     * A sum of activations of `elements` each, whose gradient moves nothing: each summand has that of the sum. Counted where
     * an operator is one kernel alone; among kernels of ours sums come and go with their fusion.
     */
    sum: ({ elements, summands }: { elements: number; summands: number }): KernelCost =>
      cost(none, { forward: fused ? (summands + 1) * elements : 0, backward: 0 }),
  };
}

export type KernelCosts = ReturnType<typeof kernelCosts>;

export interface MlpSizes {
  rows: number;
  size: number;
  hidden: number;
  bias: boolean;
}

export interface LinearSizes {
  rows: number;
  inputs: number;
  outputs: number;
  bias?: boolean;
  activated?: boolean;
  /** Whether its input, or its output, is one of the operator's own, which another kernel of it makes or reads. */
  innerInput?: boolean;
  innerOutput?: boolean;
}

export interface MergedLinearSizes {
  rows: number;
  inputs: number;
  layers: readonly { outputs: number; innerOutput?: boolean }[];
  /** Whether all of them have one. */
  bias?: boolean;
  innerInput?: boolean;
}

interface AttentionSizes {
  batch: number;
  length: number;
  numHeads: number;
  numKvHeads: number;
  headSize: number;
  causal: boolean;
}

interface DeltaRuleSizes {
  tokens: number;
  numKeyHeads: number;
  numValueHeads: number;
  keySize: number;
  valueSize: number;
  taps: number;
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
