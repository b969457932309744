import { ArgumentError, expectOneOf, expectPositiveInteger, expectThat } from '@scmoe/errors';
import type { ParameterSpecs } from '@scmoe/layer';

import { routerAheadName } from '../routerAhead/RouterAheadConfig.js';
import type { AdaptedMatrix, AdapterPlan } from './AdapterPlan.js';

/** What adapters can be for: parts of a model, by the names of their matrices. */
const parts = {
  attention: /\.attn\d?\.w\w+$/,
  experts: /\.experts\.(gate|up|down|w1|w2)$/,
  shared: /\.shared\.(gate|up|down|w1|w2)$/,
  dense: /\.mlp\d?\.(gate|up|down|w1|w2)$/,
  router: /\.router\.weight$/,
} as const;

/** A part of a model that adapters can be for: `router` is left out unless it is named. */
export type AdapterTarget = keyof typeof parts;
/** Every part that adapters can be for. */
export const adapterTargets = Object.keys(parts) as AdapterTarget[];

/** Options of a fresh adapter. */
export interface AdapterOptions {
  /** Columns of A and rows of B. */
  rank: number;
  /** Default: the rank, for a factor of 1. */
  alpha?: number;
  /** Share of what A reads that is zero in training, 0 by default; experts and routers go without. */
  dropout?: number;
  /** Parts of the model. Default: all but the router. */
  targets?: readonly AdapterTarget[];
  /** A factor of alpha / sqrt(rank) (arXiv 2312.03732) in place of alpha / rank. */
  rslora?: boolean;
}

/** What stands before the first block is a router's, attention and all. */
function isPartOf(target: AdapterTarget, name: string): boolean {
  return target === 'router' || !name.startsWith(`${routerAheadName}.`);
}

/**
 * Plans an adapter for a model of these parameters.
 *
 * @throws ArgumentError naming the option that cannot be, and a target of which the model has nothing
 */
export function planAdapter(specs: ParameterSpecs, options: AdapterOptions): AdapterPlan {
  const { rank, alpha = rank, dropout = 0, rslora = false, targets } = options;
  expectPositiveInteger('lora.rank', rank);
  expectThat(Number.isFinite(alpha) && alpha > 0, 'lora.alpha', 'a number > 0', alpha);
  expectThat(dropout >= 0 && dropout < 1, 'lora.dropout', 'a number >= 0 and < 1', dropout);
  for (const target of targets ?? []) expectOneOf('lora.targets', target, adapterTargets);
  const factor = alpha / (rslora ? Math.sqrt(rank) : rank);
  const matrices: Record<string, AdaptedMatrix> = {};
  for (const target of targets ?? adapterTargets.filter((each) => each !== 'router')) {
    const own = Object.keys(specs).filter((name) => parts[target].test(name) && isPartOf(target, name));
    // What was not asked for by name may be missing: a model without experts has none to adapt.
    if (own.length === 0 && targets)
      throw new ArgumentError(`lora.targets: expected parts that the model has, got '${target}'`);
    for (const name of own) matrices[name] = { rank, factor };
  }
  return { matrices, dropout };
}
