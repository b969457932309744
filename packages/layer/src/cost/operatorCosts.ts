import { expertCapacity } from '@scmoe/gating';

import type { ResolvedBackbone } from '../config/BackboneConfig.js';
import type { LatentAttentionContext } from '../config/LatentAttentionConfig.js';
import type { ResolvedExperts } from '../config/MoeConfig.js';
import { expertShard } from '../moe/expertShard.js';
import type { ResolvedCostOptions } from './CostOptions.js';
import { kernelCosts, type KernelCost } from './kernelCosts.js';
import { sumOfCosts, type OperatorCost } from './OperatorCost.js';

/**
 * Costs of the operators that layers share, for tokens of width `d`. The choices of the tokens are taken to be even over
 * all experts, those of zero computation included, which is what training aims at.
 */
export function operatorCosts(d: number, options: ResolvedCostOptions) {
  const { tokens, sequenceLength, bytesPerElement } = options;
  const kernels = kernelCosts(bytesPerElement);
  const batch = tokens / sequenceLength;
  const linear = (inputs: number, outputs: number, bias = false, activated = false) =>
    kernels.linear({ rows: tokens, inputs, outputs, bias, activated });

  const norm = (kind: 'layer' | 'rms', size = d): KernelCost => kernels.norm({ rows: tokens, size, norm: kind });

  /** Projections and multi-head attention, without the norm before it. */
  const selfAttention = ({ numHeads, numKvHeads, attentionBias }: ResolvedBackbone): KernelCost[] => {
    const headSize = d / numHeads;
    const keys = headSize * numKvHeads;
    const { ofInput, ofOutput } = attentionBiases(attentionBias);
    return [
      linear(d, d, ofInput),
      linear(d, keys, ofInput),
      linear(d, keys, ofInput),
      kernels.attention({ batch, length: sequenceLength, numHeads, numKvHeads, headSize }),
      linear(d, d, ofOutput),
    ];
  };

  /** The same by latents, without a cache. The attention kernel computes heads of the larger of both sizes. */
  const latentAttention = ({ numHeads, attentionBias, latent }: LatentAttentionContext): KernelCost[] => {
    const { ofInput, ofOutput } = attentionBiases(attentionBias);
    const { qLoraRank, kvLoraRank, qkNopeHeadDim, qkRopeHeadDim, vHeadDim } = latent;
    const queries = numHeads * (qkNopeHeadDim + qkRopeHeadDim);
    const headSize = Math.max(qkNopeHeadDim + qkRopeHeadDim, vHeadDim);
    const ofQueries =
      qLoraRank === undefined
        ? [linear(d, queries)]
        : [linear(d, qLoraRank, ofInput), norm('rms', qLoraRank), linear(qLoraRank, queries)];
    return [
      ...ofQueries,
      linear(d, kvLoraRank + qkRopeHeadDim, ofInput),
      norm('rms', kvLoraRank),
      linear(kvLoraRank, numHeads * (qkNopeHeadDim + vHeadDim)),
      kernels.attention({ batch, length: sequenceLength, numHeads, numKvHeads: numHeads, headSize }),
      linear(numHeads * vHeadDim, d, ofOutput),
    ];
  };

  const feedForward = (hidden: number, { activation, ffnBias }: FeedForwardKind): KernelCost[] => {
    if (activation !== 'swiglu') return [linear(d, hidden, ffnBias, true), linear(hidden, d, ffnBias)];
    if (!ffnBias) return [kernels.swiglu({ rows: tokens, size: d, hidden })];
    return [linear(d, hidden, true, true), linear(d, hidden, true), linear(hidden, d, true)];
  };

  /** Gate to decode, by the names of their operators. `before`: a norm that the gate applies. */
  const experts = (
    config: ResolvedExperts,
    before: readonly KernelCost[] = [],
  ): Record<RoutedOperator, OperatorCost> => {
    // Where experts choose, each of them is a choice of every token.
    const topK = config.routing === 'expertChoice' ? config.numExperts : config.topK;
    const { packed, filled, arrived, sent, counts, numExpertsHere } = rowsOf(config, options);
    // Rows from several ranks are put in the order of the experts when they arrive, and back in that of the ranks after.
    const reordered = counts.exchanged && numExpertsHere > 1 ? arrived : 0;
    const reorder = kernels.encode({ tokens: reordered, topK: 1, rows: reordered, size: d });
    const packing = { tokens, topK, rows: packed, size: d };
    return {
      gate: sumOfCosts([...before, ...gate(config)]),
      encode: sumOfCosts([kernels.encode(packing)]),
      dispatch: { ...sumOfCosts([reorder]), allToAllBytes: sent * d * options.bytesPerElementSent + counts.bytes },
      expert: sumOfCosts([
        kernels.groupedFfn({
          rows: filled,
          bufferRows: arrived,
          numExperts: numExpertsHere,
          size: d,
          hidden: config.expertHidden,
          gated: config.activation === 'swiglu',
          bias: config.ffnBias,
        }),
      ]),
      combine: { ...sumOfCosts([reorder]), allToAllBytes: sent * d * options.bytesPerElementSent },
      decode: sumOfCosts([kernels.decode(packing)]),
    };
  };

  const gate = ({ logits: kind, noisy, cosineWidth, numExperts, numZeroExperts }: ResolvedExperts): KernelCost[] => {
    const all = numExperts + numZeroExperts;
    const logits = kind === 'cosine' ? [linear(d, cosineWidth, true), linear(cosineWidth, all)] : [linear(d, all)];
    // A noisy router makes its noise in training alone.
    return noisy ? [...logits, linear(d, all)] : logits;
  };

  /** The shared expert and the coefficients of the mix. */
  const sharedExpert = ({ shared, ...kind }: ResolvedExperts): KernelCost[] => {
    if (!shared) return [];
    const outputs = { add: 0, cg1: 1, cg2: 2 }[shared.mix];
    return [...feedForward(shared.hidden, kind), ...(outputs > 0 ? [linear(d, outputs)] : [])];
  };

  return { norm, selfAttention, latentAttention, feedForward, experts, sharedExpert };
}

export type OperatorCosts = ReturnType<typeof operatorCosts>;

export const routedOperators = ['gate', 'encode', 'dispatch', 'expert', 'combine', 'decode'] as const;
export type RoutedOperator = (typeof routedOperators)[number];

const attentionBiases = (attentionBias: boolean | 'qkv') => ({
  ofInput: attentionBias !== false,
  ofOutput: attentionBias === true,
});

type FeedForwardKind = Pick<ResolvedExperts, 'activation' | 'ffnBias'>;

/** Rows of one rank on the way to its experts and back. */
interface Rows {
  /** In the buffer that encode fills. */
  packed: number;
  /** At the experts here: those that they compute, and the whole buffer. */
  filled: number;
  arrived: number;
  /** On their way to other ranks. */
  sent: number;
  /** Row counts that go ahead of them. */
  counts: { exchanged: boolean; bytes: number };
  numExpertsHere: number;
}

function rowsOf(config: ResolvedExperts, { tokens, worldSize }: ResolvedCostOptions): Rows {
  const { numExperts, numZeroExperts, topK } = config;
  const { count: numExpertsHere } = expertShard(numExperts, { rank: 0, size: worldSize });
  const capacity = expertCapacity({ ...config, numTokens: tokens });
  const chosen = (tokens * topK * numExperts) / (numExperts + numZeroExperts);
  const packed = capacity > 0 ? numExperts * capacity : tokens * topK;
  const alone = worldSize === 1;
  // With a capacity whole buffers travel, and experts on several ranks compute them as they come.
  const arrived = capacity > 0 || alone ? packed : chosen;
  const away = (worldSize - 1) / worldSize;
  const exchanged = !alone && capacity === 0;
  return {
    packed,
    filled: capacity > 0 && !alone ? packed : Math.min(chosen, packed),
    arrived,
    sent: arrived * away,
    counts: { exchanged, bytes: exchanged ? 4 * numExperts * away : 0 },
    numExpertsHere,
  };
}
