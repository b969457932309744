import { expectThat } from '@scmoe/errors';
import { resolveOptions, type OptionSpecs, type OptionsOf, type ResolvedRouter } from '@scmoe/gating';
import { resolveBlock, type BackboneConfig, type ResolvedBlock } from '@scmoe/layer';

import type { Stage } from '../stages/resolveStages.js';

/** The heads of the router's attention, as in Read-ME; each has an even number of components, for a rotation. */
const numHeads = 4;
const widthStep = 2 * numHeads;

/** Options of a router before the first block. */
export const routerAheadOptions = {
  /**
   * One router before the first block chooses the experts of every block, the same in all (Read-ME, arXiv 2410.19123): a
   * small causal block of its own that reads the embeddings. No block has a router then.
   */
  routerAhead: {
    type: 'boolean',
    default: false,
    help: 'one router before the first block, a small block of its own, chooses the experts of all blocks (Read-ME)',
  },
  /** Width of that router's block, a multiple of 8: it has four heads. */
  routerAheadWidth: {
    type: 'integer',
    minimum: widthStep,
    derived: 'dModel / 4, up to a multiple of 8',
    help: "width of that router's block, a multiple of 8",
  },
} as const satisfies OptionSpecs;

/** A router before the first block. */
export interface ResolvedRouterAhead {
  /** Width of its block. */
  width: number;
  /** The block, with attention and MLP. */
  stage: { readonly kind: 'block'; readonly name: string; readonly config: ResolvedBlock };
  /** How it chooses. */
  router: ResolvedRouter;
}

/** What the router's parameters are below. */
export const routerAheadName = 'routerAhead';

/**
 * The router of a model before its first block; undefined where each block has its own.
 *
 * @param backbone what the blocks of the model have alike
 * @throws ArgumentError naming the option, what is allowed and what came
 */
export function resolveRouterAhead(
  config: OptionsOf<typeof routerAheadOptions>,
  { stages, backbone, rope }: { stages: readonly Stage[]; backbone: BackboneConfig; rope: BackboneConfig['rope'] },
): ResolvedRouterAhead | undefined {
  const least = widthStep * Math.ceil(backbone.dModel / 4 / widthStep);
  const { routerAhead, routerAheadWidth: width } = resolveOptions(config, routerAheadOptions, {
    defaults: { routerAheadWidth: least },
  });
  if (!routerAhead) {
    const given = config.routerAheadWidth;
    expectThat(given === undefined, 'routerAheadWidth', 'none without routerAhead', given);
    return undefined;
  }
  expectThat(width % widthStep === 0, 'routerAheadWidth', `a multiple of ${widthStep}`, width);
  const found = stages.find((stage) => stage.config.moe)?.config;
  expectThat(found !== undefined, 'routerAhead', 'false for a model without experts', true);
  const moe = found.moe!;
  expectThat(!moe.dual, 'routerAhead', "false for the kind 'dgmoe', whose tokens choose twice in a layer", true);
  const { jitterExperts } = moe;
  expectThat(!jitterExperts, 'jitterExperts', 'false with routerAhead, which does not read what experts read', true);
  const { activation, ffnBias, norm, normEpsilon, dropout, attentionBias } = backbone;
  const own = { activation, ffnBias, norm, normEpsilon, dropout, attentionBias };
  const block = resolveBlock({ kind: 'dense', dModel: width, numHeads, ...own, rope, causal: true });
  return { width, stage: { kind: 'block', name: `${routerAheadName}.block`, config: block }, router: moe };
}

/** The same blocks, without routers of their own. */
export function withoutRouters(stages: readonly Stage[]): Stage[] {
  return stages.map((stage) => {
    const { moe } = stage.config;
    if (!moe) return stage;
    return { ...stage, config: { ...stage.config, moe: { ...moe, routedAhead: true } } };
  });
}
