import { expectNonNegative, expectOneOf } from '@scmoe/errors';
import { importanceLoss, loadBalanceLoss, sequenceBalanceLoss, zLoss, type Routing } from '@scmoe/gating';
import * as tf from '@tensorflow/tfjs';

import { balanceOfAllLayers } from './balanceOfAllLayers.js';

/** What is added to the cross-entropy so that routers balance: each a sum over the layers times its coefficient. */
export interface RouterLossConfig {
  /**
   * The load-balance loss: `layers`, of each layer's first choices (Switch); or `allLayers`, one of all choices of all
   * layers together (Mixtral and Qwen2-MoE in transformers).
   */
  balance?: 'layers' | 'allLayers';
  /** Of the load-balance loss; 0.01 by default. */
  loadBalanceCoefficient?: number;
  /** Of the load-balance loss within each sequence (DeepSeek-V3); 0 by default, like the following. */
  sequenceBalanceCoefficient?: number;
  /** Of the squared variation of the summed weights (Shazeer et al.). */
  importanceCoefficient?: number;
  /** Of the mean square of the logsumexp of the router's logits (ST-MoE). */
  zLossCoefficient?: number;
}

export type ResolvedRouterLosses = Required<RouterLossConfig>;

/** @throws ArgumentError naming the option, what is allowed and what came. */
export function resolveRouterLosses(config: RouterLossConfig): ResolvedRouterLosses {
  const {
    balance = 'layers',
    sequenceBalanceCoefficient = 0,
    importanceCoefficient = 0,
    zLossCoefficient = 0,
  } = config;
  const { loadBalanceCoefficient = 0.01 } = config;
  const coefficients = {
    loadBalanceCoefficient,
    sequenceBalanceCoefficient,
    importanceCoefficient,
    zLossCoefficient,
  };
  expectOneOf('moe.balance', balance, ['layers', 'allLayers']);
  for (const [name, value] of Object.entries(coefficients)) expectNonNegative(`moe.${name}`, value);
  return { balance, ...coefficients };
}

/** The load-balance loss of a model's layers, in either form; 0 without experts. */
export function loadBalanceOfLayers(routings: readonly Routing[], { balance }: ResolvedRouterLosses): tf.Scalar {
  if (routings.length === 0) return tf.scalar(0);
  if (balance === 'allLayers') return balanceOfAllLayers(routings);
  return tf.addN(routings.map((routing) => loadBalanceLoss(routing)));
}

/** Router losses besides the load-balance loss, those that have a coefficient. */
export type RouterLosses = { sequenceBalance?: tf.Scalar; importance?: tf.Scalar; zLoss?: tf.Scalar };

/** Each loss of its own, not weighted, and `weighted`, their sum with the coefficients; nothing where there is none. */
export function routerLosses(
  routings: readonly Routing[],
  coefficients: ResolvedRouterLosses,
  { numSequences }: { numSequences: number },
): { losses: RouterLosses; weighted?: tf.Scalar } {
  const kinds = {
    sequenceBalance: [
      coefficients.sequenceBalanceCoefficient,
      (routing: Routing) => sequenceBalanceLoss(routing, { numSequences }),
    ],
    importance: [coefficients.importanceCoefficient, (routing: Routing) => importanceLoss(routing)],
    zLoss: [coefficients.zLossCoefficient, (routing: Routing) => zLoss(routing)],
  } as const;
  const losses: RouterLosses = {};
  const weighted: tf.Scalar[] = [];
  for (const [name, [coefficient, lossOf]] of Object.entries(kinds)) {
    if (coefficient === 0 || routings.length === 0) continue;
    const sum: tf.Scalar = tf.addN(routings.map(lossOf));
    losses[name as keyof RouterLosses] = sum;
    weighted.push(tf.mul(sum, coefficient));
  }
  return { losses, weighted: weighted.length > 0 ? tf.addN(weighted) : undefined };
}

/** A model's loss and its parts. */
export type LossResult = {
  /** crossEntropy, loadBalance and routerLosses with their coefficients. */
  loss: tf.Scalar;
  /** Mean over the tokens, or over what is classified, in nats. */
  crossEntropy: tf.Scalar;
  /** Load-balance loss of all layers. */
  loadBalance: tf.Scalar;
  /** Further losses of the routers, those that have a coefficient. */
  routerLosses: RouterLosses;
  routings: Routing[];
};

/** The loss of a model, and its parts. */
export function addRouterLosses(
  crossEntropy: tf.Scalar,
  routings: Routing[],
  coefficients: ResolvedRouterLosses,
  { numSequences }: { numSequences: number },
): LossResult {
  const balance = loadBalanceOfLayers(routings, coefficients);
  const others = routerLosses(routings, coefficients, { numSequences });
  const summands: tf.Scalar[] = [crossEntropy];
  if (coefficients.loadBalanceCoefficient > 0 && routings.length > 0) {
    summands.push(tf.mul(balance, coefficients.loadBalanceCoefficient));
  }
  if (others.weighted) summands.push(others.weighted);
  const loss: tf.Scalar = summands.length > 1 ? tf.addN(summands) : tf.clone(crossEntropy);
  return { loss, crossEntropy, loadBalance: balance, routerLosses: others.losses, routings };
}
