import { expectThat } from '@scmoe/errors';
import {
  resolveOptions,
  resolveRouter,
  routerOptions,
  type OptionSpecs,
  type OptionsOf,
  type RouterConfig,
} from '@scmoe/gating';

import type { ResolvedBackbone } from './BackboneConfig.js';
import { expertOptions, resolveDualRouter, sharedExpertOptions, type ResolvedExperts } from './MoeConfig.js';

/** Options of the experts of a block or pair, beside those of their router. */
const ownOptions = {
  kind: {
    type: 'choice',
    choices: ['dense', 'standard', 'shared', 'scmoe', 'dgmoe'],
    required: true,
    help: 'what blocks have in place of an MLP',
  },
  ...sharedExpertOptions,
  /** Norm of the tapped activation: parameters of its `own`, those of another norm (`shared`), or `none`. */
  shortcutNorm: {
    type: 'choice',
    choices: ['own', 'shared', 'none'],
    default: 'own',
    help: 'norm of what gate and experts read',
  },
  /** Norm on the sum of shared and routed output before it is added. */
  postNorm: { type: 'boolean', default: false, help: 'norm on the sum of shared and routed output' },
  ...expertOptions,
} as const satisfies OptionSpecs;

/** All options of the experts of a block or pair. A dense one has no use for `numExperts`. */
export const blockMoeOptions = {
  ...ownOptions,
  ...routerOptions,
  numExperts: { ...routerOptions.numExperts, required: false, optional: true },
} as const satisfies OptionSpecs;

/**
 * What a block has behind its attention: `dense` an MLP, `standard` top-k experts, `shared` a shared expert beside the
 * routed ones, `scmoe` the same with gate and experts fed from an earlier activation, `dgmoe` one routed expert for an
 * earlier activation and another for the current one.
 */
export type BlockKind = (typeof blockKinds)[number];
export const blockKinds = ownOptions.kind.choices;

/** Where gate and experts of a pair are tapped. */
export const positionOption = {
  type: 'choice',
  choices: ['pos1', 'pos2', 'pos3'],
  help: "what gate and experts read: the first block's output (pos1), its activation before the MLP (pos2, the default in pairs), its input (pos3)",
} as const;

/**
 * Where gate and experts of a pair are tapped: `pos1` after the first block, `pos2` before its MLP, `pos3` before it. A
 * single block is tapped at its input, which is `pos1`.
 */
export type Position = (typeof positions)[number];
export const positions = positionOption.choices;

/** Norm of the shortcut before gate and experts: one of its own, one that another place has as well, or none. */
export type ShortcutNorm = (typeof ownOptions.shortcutNorm.choices)[number];

/**
 * The experts of a block or pair. Options that only some kinds have a use for are ignored by the others, so that kinds
 * can be compared with one configuration.
 */
export interface BlockMoeConfig extends OptionsOf<typeof blockMoeOptions> {}

/** Everything of a block or pair that has experts; absent in a dense one. */
export interface ResolvedMoe extends ResolvedExperts {
  /** Absent where gate and experts read the current activation. */
  shortcut?: { position: Position; norm: ShortcutNorm; sharedNormOf: 'mlp' | 'sharedExpert' };
  postNorm: boolean;
}

/**
 * A block's experts with the defaults filled in; undefined for a dense one.
 *
 * @throws ArgumentError naming the option, what is allowed and what came
 */
export function resolveMoe(
  config: BlockMoeConfig,
  { ffnHidden, activation, ffnBias, clampedGlu, causal }: ResolvedBackbone,
  { position, sharedNormOf }: { position: Position; sharedNormOf: 'mlp' | 'sharedExpert' },
): ResolvedMoe | undefined {
  const defaults = { expertHidden: ffnHidden, sharedHidden: ffnHidden };
  const { kind, mix, shortcutNorm, postNorm, expertHidden, sharedHidden } = resolveOptions(config, ownOptions, {
    defaults,
  });
  if (kind === 'dense') return undefined;
  const { numExperts } = config;
  expectThat(numExperts !== undefined, 'numExperts', `a number of experts for kind '${kind}'`, numExperts);
  const routed: RouterConfig = { ...config, numExperts };
  const router =
    kind === 'dgmoe' ? resolveDualRouter(routed) : resolveRouter(routed, { topK: kind === 'standard' ? 2 : 1 });
  // What an expert takes depends on later tokens: a causal model would see what it is to predict.
  const leaks = causal && router.routing === 'expertChoice';
  expectThat(!leaks, 'routing', "tokenChoice in a causal layer ('expertChoice' looks ahead)", router.routing);
  return {
    ...router,
    activation,
    ffnBias,
    ...(clampedGlu && { clampedGlu }),
    expertHidden,
    postNorm,
    dual: kind === 'dgmoe',
    shared: kind === 'shared' || kind === 'scmoe' ? { hidden: sharedHidden, mix } : undefined,
    shortcut: kind === 'scmoe' || kind === 'dgmoe' ? { position, norm: shortcutNorm, sharedNormOf } : undefined,
  };
}
