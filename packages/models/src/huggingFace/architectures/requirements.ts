import { expectThat } from '@scmoe/errors';
import { type ResolvedBackbone, type ResolvedMoe } from '@scmoe/layer';

import type { ResolvedGpt } from '../../gpt/GptConfig.js';

/** What all layers of a model have alike. */
export function backboneOf({ stages }: ResolvedGpt): ResolvedBackbone {
  return stages[0]!.config;
}

/** @throws ArgumentError where a layer has experts. */
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
  expectThat(moe.capacityFactor === 0, 'moe.capacityFactor', '0 (nothing is dropped)', moe.capacityFactor);
  for (const [option, plain] of Object.entries(plainRouter) as [keyof typeof plainRouter, unknown][]) {
    const value = (moe as Partial<Record<keyof typeof plainRouter, unknown>>)[option] ?? plain;
    expectThat(value === plain, `moe.${option}`, JSON.stringify(plain), value);
  }
  return moe;
}

/** Options of a router in the plain form: softmax of a linear map. */
const plainRouter = {
  scoreFunction: 'softmax',
  logits: 'linear',
  noisy: false,
  correctionBias: false,
  routedScalingFactor: 1,
  numZeroExperts: 0,
  numGroups: 1,
  routing: 'tokenChoice',
} as const;
