import { expectKnownOptions, expectThat } from '@scmoe/errors';
import { omitOptions, resolveOptions, type OptionSpecs, type OptionsOf } from '@scmoe/gating';
import {
  blockMoeOptions,
  deltaBackbone,
  pairOptions,
  positionOption,
  resolveBlock,
  resolvePair,
  type BackboneConfig,
  type BlockConfig,
  type BlockKind,
  type NormKind,
  type PairConfig,
  type ResolvedBlock,
  type ResolvedPair,
} from '@scmoe/layer';

import { expectNumLayers } from './expectNumLayers.js';
import { modelLossOptions, resolveModelLosses, type ResolvedModelLosses } from './modelLosses.js';

/**
 * How blocks are arranged: in `pairs`, attention and MLP, then attention and experts, an ScMoE pair tapped anywhere in it;
 * or `every` block for itself, attention and MLP or experts, an ScMoE block tapped at its input.
 */
export const placementOption = {
  type: 'choice',
  choices: ['pairs', 'every'],
  default: 'pairs',
  help: 'experts in every second block, shortcuts within a pair; or in every block',
} as const;

/** Where the experts of a model are: in every second block, whose shortcuts stay within a pair, or in every block. */
export type Placement = (typeof placementOption.choices)[number];

/** Options of a model's experts: those of pairs, where the experts are, and the routers' losses. */
export const moeOptions = {
  ...blockMoeOptions,
  /** What blocks with experts have in place of an MLP; `top1` and `top2` are `standard` with that topK, `farskip` is `shared` in FarSkip connectivity. */
  kind: {
    ...blockMoeOptions.kind,
    choices: [...blockMoeOptions.kind.choices, 'top1', 'top2', 'farskip'],
  },
  position: { ...positionOption, derived: 'pos2; pos1 with placement every' },
  sharedNormOf: pairOptions.sharedNormOf,
  /** Position of the first pair where it differs from the others (the paper's "L0 pos1"). */
  firstPosition: { ...positionOption, optional: true, help: 'the same for the first pair' },
  /** Which blocks have experts, counted from 0. Default: every one, or in pairs every second one, which alone can. */
  blocks: { type: 'integers', minimum: 0, optional: true, flag: false, help: 'which blocks have experts' },
  ...modelLossOptions,
} as const satisfies OptionSpecs;

/** Experts of a model. */
export interface MoeConfig extends OptionsOf<typeof moeOptions> {}

/** What runs as one: a pair of blocks or a single block. Its parameters are below `name`. */
export type Stage =
  | { readonly kind: 'pair'; readonly name: string; readonly config: ResolvedPair }
  | { readonly kind: 'block'; readonly name: string; readonly config: ResolvedBlock };

export interface StagesConfig {
  /** Blocks; in pairs an even number. */
  numLayers: number;
  placement?: Placement;
  moe?: MoeConfig;
  /** Blocks that have the window of the backbone, where not all have it. */
  windowLayers?: readonly number[];
  /** Blocks that have the gated delta network of the backbone, where not all have it. */
  deltaLayers?: readonly number[];
  /** What all blocks have alike. */
  backbone: BackboneConfig;
}

export interface ResolvedStages {
  placement: Placement;
  norm: NormKind;
  normEpsilon: number;
  dropout: number;
  routerLosses: ResolvedModelLosses;
  stages: Stage[];
}

/** Kinds by the names that papers give them, which only a model has. */
const namedKinds: Partial<Record<MoeConfig['kind'], { kind: BlockKind; topK?: number }>> = {
  top1: { kind: 'standard', topK: 1 },
  top2: { kind: 'standard', topK: 2 },
  farskip: { kind: 'shared' },
};

/** The blocks of a model. @throws ArgumentError naming the option, what is allowed and what came. */
export function resolveStages({
  numLayers,
  moe = { kind: 'dense' },
  windowLayers,
  deltaLayers,
  backbone: given,
  ...config
}: StagesConfig): ResolvedStages {
  expectNumLayers(numLayers);
  const { placement } = resolveOptions(config, { placement: placementOption });
  const { kind } = moeOptions;
  resolveOptions(moe, { kind }, { within: 'moe' });
  expectKnownOptions('moe', moe, Object.keys(moeOptions));
  const routerLosses = resolveModelLosses(moe);
  const { connectivity = moe.kind === 'farskip' ? 'farskip' : 'regular' } = given;
  const backbone = { ...given, connectivity };
  const of = { numLayers, placement };
  expectLayers('windowLayers', windowLayers, { ...of, needed: 'a window', has: backbone.window !== undefined });
  const hasDelta = backbone.gatedDelta !== undefined;
  expectLayers('deltaLayers', deltaLayers, { ...of, needed: 'a gated delta network', has: hasDelta });
  const stages =
    placement === 'pairs'
      ? pairs(numLayers, backbone, moe)
      : blocks(numLayers, backbone, moe, { windowLayers, deltaLayers });
  const { norm, normEpsilon, dropout } = stages[0]!.config;
  return { placement, norm, normEpsilon, dropout, routerLosses, stages };
}

function pairs(numLayers: number, backbone: BackboneConfig, moe: MoeConfig): Stage[] {
  expectThat(numLayers % 2 === 0, 'numLayers', 'an even number (blocks come in pairs)', numLayers);
  const hasExperts = withExperts(moe, numLayers, (layer) => layer % 2 === 1);
  const { position, firstPosition = position } = moe;
  const experts = expertOptions(moe);
  return Array.from({ length: numLayers / 2 }, (_, index) => ({
    kind: 'pair',
    name: `block${index}`,
    config: resolvePair({
      ...backbone,
      ...(hasExperts(2 * index + 1) ? experts : { kind: 'dense' }),
      position: index === 0 ? firstPosition : position,
    }),
  }));
}

function blocks(
  numLayers: number,
  { window, gatedDelta, ...backbone }: BackboneConfig,
  moe: MoeConfig,
  { windowLayers, deltaLayers }: Pick<StagesConfig, 'windowLayers' | 'deltaLayers'>,
): Stage[] {
  const hasExperts = withExperts(moe, numLayers, () => true);
  for (const option of ['position', 'firstPosition'] as const) {
    expectThat((moe[option] ?? 'pos1') === 'pos1', `moe.${option}`, "pos1 with placement 'every'", moe[option]);
  }
  // The types know only pairs' options here; whose norm is shared, resolveBlock checks.
  const experts = expertOptions(moe) as Omit<BlockConfig, keyof BackboneConfig>;
  const ownBackbone = (index: number): BackboneConfig => {
    const attention = { ...backbone, ...((windowLayers?.includes(index) ?? true) && { window }) };
    if (deltaLayers === undefined) return { ...attention, gatedDelta };
    return deltaLayers.includes(index) ? { ...deltaBackbone(attention), gatedDelta } : attention;
  };
  return Array.from({ length: numLayers }, (_, index) => ({
    kind: 'block',
    name: `block${index}`,
    config: resolveBlock({
      ...ownBackbone(index),
      ...(hasExperts(index) ? experts : { kind: 'dense' }),
    }),
  }));
}

/** Checks which blocks have something that the backbone says. @param needed what that is */
function expectLayers(
  name: 'windowLayers' | 'deltaLayers',
  layers: readonly number[] | undefined,
  { numLayers, placement, needed, has }: { numLayers: number; placement: Placement; needed: string; has: boolean },
): void {
  if (layers === undefined) return;
  expectThat(has, name, `none without ${needed}`, layers);
  expectThat(placement === 'every', name, "none with placement 'pairs', whose blocks are alike", layers);
  const odd = layers.find((layer) => layer >= numLayers);
  expectThat(odd === undefined, name, `blocks from 0 to ${numLayers - 1}`, odd);
}

/** What of `moe` goes to pairs and blocks: all but the losses and the choice of the blocks. */
function expertOptions(moe: MoeConfig): Omit<PairConfig, keyof BackboneConfig | 'position'> {
  const { kind: name, blocks: _, position: __, firstPosition: ___, ...rest } = omitOptions(moe, modelLossOptions);
  const named = namedKinds[name];
  if (!named) return { ...rest, kind: name as BlockKind };
  const { kind, topK } = named;
  if (topK === undefined) return { ...rest, kind };
  if (moe.topK !== undefined) expectThat(moe.topK === topK, `moe.topK of '${name}'`, `${topK}`, moe.topK);
  return { ...rest, kind, topK };
}

function withExperts(
  { kind, blocks }: MoeConfig,
  numLayers: number,
  canHave: (layer: number) => boolean,
): (layer: number) => boolean {
  if (kind === 'dense') return () => false;
  for (const layer of blocks ?? []) {
    expectThat(
      Number.isInteger(layer) && layer >= 0 && layer < numLayers && canHave(layer),
      'moe.blocks',
      canHave(0) ? `blocks from 0 to ${numLayers - 1}` : `odd numbers below ${numLayers} (in pairs the second block)`,
      layer,
    );
  }
  return (layer) => canHave(layer) && (blocks?.includes(layer) ?? true);
}
