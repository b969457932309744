import { expectThat } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import type { OptionSpecs, OptionsOf, ResolvedOptions } from '../options/OptionSpec.js';
import { resolveOptions } from '../options/resolveOptions.js';
import type { Routing } from '../Routing.js';
import { importanceLoss } from './importanceLoss.js';
import { loadBalanceLoss } from './loadBalanceLoss.js';
import { loadLoss } from './loadLoss.js';
import { sequenceBalanceLoss } from './sequenceBalanceLoss.js';
import { zLoss } from './zLoss.js';

const coefficient = { type: 'number', minimum: 0 } as const;

/** Shares of the router losses in a training loss; 0 leaves one out. */
export const routerLossOptions = {
  /** Coefficient of the load-balance loss (Switch). */
  loadBalanceCoefficient: {
    ...coefficient,
    default: 0.01,
    flag: 'load-balance',
    help: 'coefficient of the load-balance loss',
  },
  /** Coefficient of the load-balance loss within each sequence (DeepSeek-V3). */
  sequenceBalanceCoefficient: {
    ...coefficient,
    default: 0,
    flag: 'sequence-balance',
    help: 'the same within each sequence',
  },
  /** Coefficient of the squared variation of the summed weights (Shazeer et al.). */
  importanceCoefficient: {
    ...coefficient,
    default: 0,
    flag: 'importance',
    help: 'coefficient of the importance loss',
  },
  /** Coefficient of the squared variation of the smooth load (Shazeer et al.); needs a `noisy` router. */
  loadCoefficient: {
    ...coefficient,
    default: 0,
    flag: 'load',
    help: 'coefficient of the load loss, for noisy routers',
  },
  /** Coefficient of the mean square of the logsumexp of the router's logits (ST-MoE). */
  zLossCoefficient: { ...coefficient, default: 0, flag: 'z-loss', help: "coefficient of the routers' z-loss" },
} as const satisfies OptionSpecs;

/** Shares of the router losses, where they are not their defaults. */
export interface RouterLossConfig extends OptionsOf<typeof routerLossOptions> {}
/** Shares of all router losses. */
export interface ResolvedRouterLosses extends ResolvedOptions<typeof routerLossOptions> {}

/** A router loss by its name, which that of its coefficient begins with. */
export type RouterLossName = keyof ResolvedRouterLosses extends `${infer Name}Coefficient` ? Name : never;

const losses: Record<RouterLossName, (routing: Routing, context: { numSequences: number }) => tf.Scalar> = {
  loadBalance: (routing) => loadBalanceLoss(routing),
  sequenceBalance: (routing, context) => sequenceBalanceLoss(routing, context),
  importance: (routing) => importanceLoss(routing),
  load: (routing) => loadLoss(routing),
  zLoss: (routing) => zLoss(routing),
};

/**
 * The coefficients of a router's losses.
 *
 * @param config `noisy` says whether the router is: only then has it a load loss
 * @param context `within` is the name of the option that holds the coefficients, for messages
 * @throws ArgumentError naming the coefficient, what is allowed and what came
 */
export function resolveRouterLosses(
  config: RouterLossConfig & { noisy?: boolean },
  context: { defaults?: RouterLossConfig; within?: string } = {},
): ResolvedRouterLosses {
  const resolved = resolveOptions(config, routerLossOptions, context);
  const { loadCoefficient } = resolved;
  const name = context.within ? `${context.within}.loadCoefficient` : 'loadCoefficient';
  expectThat(loadCoefficient === 0 || config.noisy === true, name, '0 without noisy', loadCoefficient);
  return resolved;
}

/**
 * Every loss that has a coefficient, summed over the routings and not weighted. The load loss counts where noise was
 * added, which is in training.
 *
 * @param context `numSequences`: the tokens are so many sequences of equal length
 * @returns scalars by name, in the order of `routerLossOptions`
 */
export function routerLosses(
  routings: readonly Routing[],
  coefficients: ResolvedRouterLosses,
  context: { numSequences: number },
): Partial<Record<RouterLossName, tf.Scalar>> {
  const names = Object.keys(losses) as RouterLossName[];
  return tf.tidy(() =>
    Object.fromEntries(
      names.flatMap((name) => {
        const of = name === 'load' ? routings.filter(({ noiseDeviation }) => noiseDeviation) : routings;
        if (coefficients[`${name}Coefficient`] === 0 || of.length === 0) return [];
        return [[name, sum(of.map((routing) => losses[name](routing, context)))]];
      }),
    ),
  );
}

/** Sum of losses, each times its coefficient; undefined of none. */
export function weightedRouterLosses(
  values: Partial<Record<RouterLossName, tf.Scalar>>,
  coefficients: ResolvedRouterLosses,
): tf.Scalar | undefined {
  const names = Object.keys(values) as RouterLossName[];
  if (names.length === 0) return undefined;
  return tf.tidy(() => sum(names.map((name) => tf.mul(values[name]!, coefficients[`${name}Coefficient`]))));
}

/** Adds losses up, without an operation of its own for a single one. */
function sum(scalars: tf.Scalar[]): tf.Scalar {
  return scalars.length === 1 ? scalars[0]! : tf.addN(scalars);
}
