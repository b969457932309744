import { expectBoolean, expectOneOf, expectPositiveInteger, expectThat } from '@scmoe/errors';
import { resolveRouter, type RouterConfig } from '@scmoe/gating';

import type { ResolvedBackbone } from './BackboneConfig.js';
import { mixes, resolveDualRouter, routedOptions, type Mix, type ResolvedExperts } from './MoeConfig.js';

export const blockKinds = ['dense', 'standard', 'shared', 'scmoe', 'dgmoe'] as const;
export const positions = ['pos1', 'pos2', 'pos3'] as const;
export const shortcutNorms = ['own', 'shared', 'none'] as const;

/**
 * What a block has behind its attention: `dense` an MLP, `standard` top-k experts, `shared` a shared expert beside the
 * routed ones, `scmoe` the same with gate and experts fed from an earlier activation, `dgmoe` one routed expert for an
 * earlier activation and another for the current one.
 */
export type BlockKind = (typeof blockKinds)[number];

/**
 * Where gate and experts of a pair are tapped: `pos1` after the first block, `pos2` before its MLP, `pos3` before it. A
 * single block is tapped at its input, which is `pos1`.
 */
export type Position = (typeof positions)[number];

/** Norm of the shortcut before gate and experts: one of its own, one that another place has as well, or none. */
export type ShortcutNorm = (typeof shortcutNorms)[number];

/**
 * The experts of a block or pair. Options that only some kinds have a use for are ignored by the others, so that kinds
 * can be compared with one configuration.
 */
export interface BlockMoeConfig extends Partial<RouterConfig> {
  kind: BlockKind;
  mix?: Mix;
  /** Norm of the tapped activation: parameters of its `own`, those of another norm (`shared`), or `none`. */
  shortcutNorm?: ShortcutNorm;
  /** Norm on the sum of shared and routed output before it is added. */
  postNorm?: boolean;
  /** Hidden width of one expert, and of the shared expert; ffnHidden by default. */
  expertHidden?: number;
  sharedHidden?: number;
}

/** Everything of a block or pair that has experts; absent in a dense one. */
export interface ResolvedMoe extends ResolvedExperts {
  /** Absent where gate and experts read the current activation. */
  shortcut?: { position: Position; norm: ShortcutNorm; sharedNormOf: 'mlp' | 'sharedExpert' };
  postNorm: boolean;
}

export const blockMoeOptions: Record<keyof BlockMoeConfig, true> = {
  ...routedOptions,
  kind: true,
  mix: true,
  shortcutNorm: true,
  postNorm: true,
  expertHidden: true,
  sharedHidden: true,
};

/** Fills in the defaults of a block with experts; undefined for a dense one. */
export function resolveMoe(
  config: BlockMoeConfig,
  { ffnHidden, activation, ffnBias, causal }: ResolvedBackbone,
  { position, sharedNormOf }: { position: Position; sharedNormOf: 'mlp' | 'sharedExpert' },
): ResolvedMoe | undefined {
  const { kind, numExperts, mix = 'cg1', shortcutNorm = 'own', postNorm = false } = config;
  const { expertHidden = ffnHidden, sharedHidden = ffnHidden } = config;
  expectOneOf('mix', mix, mixes);
  expectOneOf('shortcutNorm', shortcutNorm, shortcutNorms);
  expectBoolean('postNorm', postNorm);
  if (kind === 'dense') return undefined;
  expectThat(numExperts !== undefined, 'numExperts', `a number of experts for kind '${kind}'`, numExperts);
  const routed = { ...config, numExperts: numExperts };
  const router =
    kind === 'dgmoe' ? resolveDualRouter(routed) : resolveRouter(routed, { topK: kind === 'standard' ? 2 : 1 });
  // What an expert takes depends on later tokens: a causal model would see what it is to predict.
  const leaks = causal && router.routing === 'expertChoice';
  expectThat(!leaks, 'routing', "tokenChoice in a causal layer ('expertChoice' looks ahead)", router.routing);
  expectPositiveInteger('expertHidden', expertHidden);
  expectPositiveInteger('sharedHidden', sharedHidden);
  return {
    ...router,
    activation,
    ffnBias,
    expertHidden,
    postNorm,
    dual: kind === 'dgmoe',
    shared: kind === 'shared' || kind === 'scmoe' ? { hidden: sharedHidden, mix } : undefined,
    shortcut: kind === 'scmoe' || kind === 'dgmoe' ? { position, norm: shortcutNorm, sharedNormOf } : undefined,
  };
}
