import { expectThat } from '@scmoe/errors';
import { routerOptions, type OptionSpec, type ResolvedRouter, type RouterConfig } from '@scmoe/gating';
import { type ResolvedBackbone, type ResolvedMoe } from '@scmoe/layer';

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

/**
 * The experts of a model for a family that has softmax routers and experts fed from the current activation, all kept.
 *
 * @throws ArgumentError naming what the family has not.
 */
export function expertsOf({ stages }: ResolvedGpt, kind: 'standard' | 'shared'): ResolvedMoe {
  const moes = stages.flatMap(({ config }) => (config.moe ? [config] : []));
  const found = moes[0];
  expectThat(found?.kind === kind, 'moe.kind', kind, found?.kind ?? 'dense');
  const moe = found.moe!;
  expectThat(!moe.postNorm, 'moe.postNorm', 'false', moe.postNorm);
  expectRouter(moe);
  return moe;
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
