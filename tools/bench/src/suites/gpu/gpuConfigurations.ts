import type { GptConfig } from '@scmoe/models';

const sizes = { vocabSize: 64, numLayers: 2, dModel: 32, numHeads: 4, sequenceLength: 32 } as const;
const experts = { numExperts: 4, capacityFactor: 0 } as const;

/** The models whose compiled steps are compared: every kind of experts, and the options that change what a step consists of. */
export const gpuConfigurations: Readonly<Record<string, GptConfig>> = {
  dense: { ...sizes, moe: { kind: 'dense' } },
  'standard, top 2': { ...sizes, moe: { kind: 'standard', ...experts } },
  'standard, capacity': { ...sizes, moe: { kind: 'standard', ...experts, capacityFactor: 1.25 } },
  'top 1, cosine gate': { ...sizes, moe: { kind: 'standard', ...experts, topK: 1, logits: 'cosine' } },
  'shared expert': { ...sizes, moe: { kind: 'shared', ...experts } },
  'scmoe pos1': { ...sizes, moe: { kind: 'scmoe', ...experts, position: 'pos1' } },
  'scmoe pos2': { ...sizes, moe: { kind: 'scmoe', ...experts, position: 'pos2' } },
  'scmoe pos3': { ...sizes, moe: { kind: 'scmoe', ...experts, position: 'pos3' } },
  'scmoe, capacity': { ...sizes, moe: { kind: 'scmoe', ...experts, capacityFactor: 1.25 } },
  dgmoe: { ...sizes, moe: { kind: 'dgmoe', ...experts } },
  'sigmoid scores, groups': {
    ...sizes,
    moe: { kind: 'shared', ...experts, scoreFunction: 'sigmoid', topK: 2, numGroups: 2, topKGroups: 1 },
  },
  'zero experts': { ...sizes, moe: { kind: 'shared', ...experts, topK: 2, numZeroExperts: 2 } },
  'swiglu, rms, grouped heads, rotary': {
    ...sizes,
    activation: 'swiglu',
    norm: 'rms',
    numKvHeads: 2,
    positionEncoding: 'rotary',
    moe: { kind: 'scmoe', ...experts },
  },
  'dropout, noise': { ...sizes, dropout: 0.1, moe: { kind: 'scmoe', ...experts, noisy: true } },
};
