import type { GptConfig, GptMoeConfig } from '@scmoe/models';

/** What differs between the variants; everything else is in {@link qualityConfig}. */
export interface Variant {
  name: string;
  /** Hidden width of the MLPs. */
  ffnHidden: number;
  moe: GptMoeConfig;
}

const numExperts = 8;
const positions = ['pos1', 'pos2', 'pos3'] as const;
const mixes = ['add', 'cg1', 'cg2'] as const;

/**
 * Every variant has 1,024 hidden units per token in the second block of a pair, shared and routed together, beside 512 in
 * the first: one expert of 1,024, two of 512, three of 341 and 342. The dense model has 768 in both.
 */
export const variants: readonly Variant[] = [
  { name: 'dense', ffnHidden: 768, moe: { kind: 'dense' } },
  { name: 'top-1', ffnHidden: 512, moe: { kind: 'top1', numExperts, expertHidden: 1024 } },
  { name: 'top-2', ffnHidden: 512, moe: { kind: 'top2', numExperts } },
  ...mixes.map((mix): Variant => ({ name: `shared ${mix}`, ffnHidden: 512, moe: { kind: 'shared', numExperts, mix } })),
  { name: 'DGMoE pos2', ffnHidden: 512, moe: { kind: 'dgmoe', numExperts, position: 'pos2' } },
  ...positions.flatMap((position) =>
    mixes.map((mix): Variant => ({
      name: `ScMoE ${position} ${mix}`,
      ffnHidden: 512,
      moe: { kind: 'scmoe', numExperts, position, mix },
    })),
  ),
  {
    name: 'ScMoE-2 pos2 cg1',
    ffnHidden: 512,
    moe: { kind: 'scmoe', numExperts, topK: 2, expertHidden: 341, sharedHidden: 342 },
  },
];

/** nanoGPT's CPU settings for characters: 4 blocks, 4 heads, width 128, sequence 64. */
export function qualityConfig({ ffnHidden, moe }: Variant, vocabSize: number): GptConfig {
  return { vocabSize, numLayers: 4, dModel: 128, numHeads: 4, sequenceLength: 64, ffnHidden, moe };
}
