import type { GptConfig, GptMoeConfig } from '@scmoe/models';

/** Sizes that all contenders have alike. */
export interface SecondsSizes {
  dModel: number;
  numLayers: number;
  sequenceLength: number;
  batchSize: number;
  numExperts: number;
}

/** A model that is given a time. */
export interface SecondsVariant {
  name: string;
  config(sizes: SecondsSizes, vocabSize: number): GptConfig;
}

const headSize = 32;

/**
 * Contenders with as many active hidden units for each token: of a pair of blocks 4 d in the first and 4 d in the second, there
 * as two experts of 2 d, or as a shared one and a routed one. `dense x2` has twice the width of the model instead.
 */
export const secondsVariants: readonly SecondsVariant[] = [
  variant('dense', () => ({ kind: 'dense' })),
  variant('dense x2', () => ({ kind: 'dense' }), 2),
  variant('top-2', ({ numExperts, dModel }) => ({ kind: 'top2', numExperts, expertHidden: 2 * dModel })),
  variant('shared expert', ({ numExperts, dModel }) => ({
    kind: 'shared',
    numExperts,
    expertHidden: 2 * dModel,
    sharedHidden: 2 * dModel,
  })),
  variant('ScMoE', ({ numExperts, dModel }) => ({
    kind: 'scmoe',
    numExperts,
    expertHidden: 2 * dModel,
    sharedHidden: 2 * dModel,
  })),
];

function variant(name: string, moe: (sizes: SecondsSizes) => GptMoeConfig, width = 1): SecondsVariant {
  return {
    name,
    config: (sizes, vocabSize) => {
      const dModel = width * sizes.dModel;
      const { numLayers, sequenceLength } = sizes;
      const numHeads = Math.max(1, dModel / headSize);
      return { vocabSize, numLayers, dModel, numHeads, sequenceLength, ffnHidden: 4 * dModel, moe: moe(sizes) };
    },
  };
}
