import { expectThat } from '@scmoe/errors';
import { routerOptions, type OptionSpec, type ResolvedRouter, type RouterConfig } from '@scmoe/gating';
import { familyOptions, type ResolvedBackbone, type ResolvedMoe } from '@scmoe/layer';

import type { ResolvedGpt } from '../../gpt/GptConfig.js';

/** What all layers of a model have alike. */
export function backboneOf({ stages }: ResolvedGpt): ResolvedBackbone {
  return stages[0]!.config;
}

/** Checks that a model is dense. @throws ArgumentError where a layer has experts. */
export function denseOnly({ stages }: ResolvedGpt): void {
  const kind = stages.find(({ config }) => config.moe)?.config.kind ?? 'dense';
  expectThat(kind === 'dense', 'moe.kind', 'dense', kind);
}

/** What a family may have of the options in which families differ. */
export type FamilyFeatures = {
  readonly [Name in keyof typeof familyOptions | 'logitsDivisor' | 'embeddingScale' | 'headBias']?: unknown;
};

/**
 * Checks that a model has nothing in which other families differ from this one.
 *
 * @param own options that the family has: what they must be, or null for any value
 * @throws ArgumentError naming an option that the family does not have. One that is new is refused until it is named.
 */
export function expectFamily(config: ResolvedGpt, own: FamilyFeatures = {}): void {
  const { dModel, numHeads } = backboneOf(config);
  const outerPlain = { embeddingScale: 1, logitsDivisor: 1, headBias: false };
  const plain = { headSize: dModel / numHeads, connectivity: 'regular', ...outerPlain, ...own };
  const { embeddingScale, logitsDivisor, headBias } = config;
  const outer = { embeddingScale, logitsDivisor, headBias };
  for (const stage of config.stages) {
    const values: Readonly<Record<string, unknown>> = { ...outer, ...stage.config };
    for (const name of [...Object.keys(familyOptions), ...Object.keys(outer)]) {
      const spec: OptionSpec | undefined = familyOptions[name as keyof typeof familyOptions];
      const only: unknown = name in plain ? plain[name as keyof typeof plain] : (spec?.default ?? undefined);
      if (only === null) continue;
      const what = only === undefined ? 'none' : JSON.stringify(only);
      expectThat(values[name] === only, name, what, values[name]);
    }
  }
}

/**
 * The experts of a model for a family that has softmax routers and experts fed from the current activation, all kept.
 *
 * @param router options in which its routers differ from that, as of {@link expectRouter}
 * @throws ArgumentError naming what the family has not.
 */
export function expertsOf(
  { stages }: ResolvedGpt,
  kind: 'standard' | 'shared',
  router: Parameters<typeof expectRouter>[1] = {},
): ResolvedMoe {
  const moes = stages.flatMap(({ config }) => (config.moe ? [config] : []));
  const found = moes[0];
  expectThat(found?.kind === kind, 'moe.kind', kind, found?.kind ?? 'dense');
  const moe = found.moe!;
  expectThat(!moe.postNorm, 'moe.postNorm', 'false', moe.postNorm);
  expectRouter(moe, router);
  return moe;
}

/** Checks that every block has experts. @throws ArgumentError naming one that has not */
export function expertsEverywhere({ stages }: ResolvedGpt): void {
  const dense = stages.find((stage) => stage.kind === 'pair' || !stage.config.moe);
  expectThat(!dense, 'moe.blocks', 'experts in every block', dense?.name);
}

/** Layers, counted from 0, that have experts. */
export function sparseLayers({ stages }: ResolvedGpt): number[] {
  return stages.flatMap(({ kind, config }, index) => (config.moe ? [kind === 'pair' ? 2 * index + 1 : index] : []));
}

/** Options that change nothing where those that they belong to are plain, or nothing but training. */
const withoutEffect: readonly string[] = [
  'jitter',
  'jitterExperts',
  'cosineWidth',
  'groupScore',
  'minCapacity',
  'dropPolicy',
  'capacityOrder',
] satisfies (keyof RouterConfig)[];

/**
 * Checks that a router is one that a family has.
 *
 * @param own options in which the routers of a family differ from the plain one, which has the defaults of
 *   `routerOptions`; null: any value
 * @throws ArgumentError naming an option that the family does not have. One that is new is refused until it is named here.
 */
export function expectRouter(
  router: ResolvedRouter,
  own: { readonly [Name in keyof RouterConfig]?: RouterConfig[Name] | null } = {},
): void {
  for (const [name, spec] of Object.entries<OptionSpec>(routerOptions)) {
    const only: unknown = name in own ? own[name as keyof RouterConfig] : (spec.default ?? null);
    if (only === null || withoutEffect.includes(name)) continue;
    const value: unknown = router[name as keyof RouterConfig];
    expectThat(value === only, `moe.${name}`, JSON.stringify(only), value);
  }
}
