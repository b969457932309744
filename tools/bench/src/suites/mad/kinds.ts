import type { PairConfig } from '@scmoe/layer';

/** What differs between the compared models. */
export interface MadKind {
  name: string;
  moe: Omit<PairConfig, 'dModel' | 'numHeads'>;
}

/** Hidden width of an expert, as in MAD's channel of experts: 8 of them, 2 active. */
const expertHidden = 16;
const numExperts = 8;
/** Every kind has so many hidden units for a token in each of its two channels. */
export const activeHidden = 2 * expertHidden;

const halves = { numExperts, expertHidden, sharedHidden: expertHidden };

export const madKinds: readonly MadKind[] = [
  { name: 'dense', moe: { kind: 'dense' } },
  { name: 'top-1', moe: { kind: 'standard', topK: 1, numExperts, expertHidden: activeHidden } },
  { name: 'top-2', moe: { kind: 'standard', topK: 2, ...halves } },
  { name: 'DGMoE pos2', moe: { kind: 'dgmoe', position: 'pos2', ...halves } },
  { name: 'shared', moe: { kind: 'shared', ...halves } },
  ...(['pos1', 'pos2', 'pos3'] as const).map((position): MadKind => ({
    name: `ScMoE ${position}`,
    moe: { kind: 'scmoe', position, ...halves },
  })),
];
