import { expectThat } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import type { OptionSpecs, OptionsOf, ResolvedOptions } from '../options/OptionSpec.js';
import { resolveOptions } from '../options/resolveOptions.js';
import type { Routing } from '../Routing.js';
import { balanceOfAllLayers, byLogits } from './balanceOfAllLayers.js';
import { importance } from './importanceLoss.js';
import { loadBalance } from './loadBalanceLoss.js';
import { smoothLoad } from './loadLoss.js';
import { overWholeBatch, type LossSums, type SummedLoss, type WholeBatch } from './LossSums.js';
import { sequenceBalance } from './sequenceBalanceLoss.js';
import { squaredLogits } from './zLoss.js';

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

/** What router losses depend on besides routings. */
export interface RouterLossContext {
  /** The tokens are so many sequences of equal length. */
  numSequences: number;
  /**
   * The load-balance loss: of the first choices of each layer (Switch; the default), or one of all choices of all layers
   * together (Mixtral and Qwen2-MoE in transformers); or that as if the logits alone had chosen, by their softmax.
   */
  balance?: 'layers' | 'allLayers' | 'allLayersByLogits';
  /** Which losses; by default those that have a coefficient. */
  names?: readonly RouterLossName[];
  /** Makes the losses those of the whole batch that this micro-batch is a part of. */
  whole?: WholeBatch;
}

/** A loss over its sums, and the sums of each routing that it is summed over. */
interface OwnSums {
  name: RouterLossName;
  sums: LossSums[];
  ofSums: (sums: never) => tf.Scalar;
}

/** One routing by itself, its losses to be added up. */
function each<Source, Sums extends LossSums>(
  name: RouterLossName,
  loss: SummedLoss<Source, Sums>,
  sources: readonly Source[],
): OwnSums {
  return { name, sums: sources.map((source) => loss.sums(source)), ofSums: (sums: Sums) => loss.ofSums(sums) };
}

const losses: Record<RouterLossName, (routings: readonly Routing[], context: RouterLossContext) => OwnSums> = {
  loadBalance: (routings, { balance = 'layers' }) =>
    balance === 'layers'
      ? each('loadBalance', loadBalance, routings)
      : each('loadBalance', balanceOfAllLayers, [balance === 'allLayers' ? routings : routings.map(byLogits)]),
  sequenceBalance: (routings, { numSequences }) =>
    each(
      'sequenceBalance',
      sequenceBalance,
      routings.map((routing) => ({ routing, numSequences })),
    ),
  importance: (routings) => each('importance', importance, routings),
  load: (routings) => each('load', smoothLoad, routings),
  zLoss: (routings) => each('zLoss', squaredLogits, routings),
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
 * @returns scalars by name, in the order of `routerLossOptions`
 */
export function routerLosses(
  routings: readonly Routing[],
  coefficients: ResolvedRouterLosses,
  context: RouterLossContext,
): Partial<Record<RouterLossName, tf.Scalar>> {
  const all = Object.keys(losses) as RouterLossName[];
  const { names = all.filter((name) => coefficients[`${name}Coefficient`] > 0), whole } = context;
  return tf.tidy(() => {
    const own = all.flatMap((name) => {
      const of = name === 'load' ? routings.filter(({ noiseDeviation }) => noiseDeviation) : routings;
      return names.includes(name) && of.length > 0 ? [losses[name](of, context)] : [];
    });
    const used = overWholeBatch(
      own.flatMap(({ sums }) => sums),
      whole,
    );
    return Object.fromEntries(
      own.map(({ name, sums, ofSums }) => [name, sum(used.splice(0, sums.length).map((one) => ofSums(one as never)))]),
    );
  });
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
