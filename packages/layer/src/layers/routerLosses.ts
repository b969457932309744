import { expectNonNegative, expectThat } from '@scmoe/errors';
import { importanceLoss, loadBalanceLoss, loadLoss, sequenceBalanceLoss, zLoss, type Routing } from '@scmoe/gating';
import * as tf from '@tensorflow/tfjs';

/** Shares of the router's auxiliary losses in the training loss; 0 leaves one out. */
export interface RouterLossArgs {
  /** Of the load-balance loss; 0.01 by default, the others 0. */
  loadBalanceCoefficient?: number;
  /** Of the balance within each sequence of a batch. */
  sequenceBalanceCoefficient?: number;
  importanceCoefficient?: number;
  /** Needs a `noisy` router. */
  loadCoefficient?: number;
  zLossCoefficient?: number;
}

export type RouterLosses = readonly (readonly [coefficient: number, loss: LossOfRouting])[];
type LossOfRouting = (routing: Routing, context: { numSequences: number }) => tf.Scalar;

const losses: Record<keyof RouterLossArgs, LossOfRouting> = {
  loadBalanceCoefficient: (routing) => loadBalanceLoss(routing),
  sequenceBalanceCoefficient: (routing, context) => sequenceBalanceLoss(routing, context),
  importanceCoefficient: (routing) => importanceLoss(routing),
  loadCoefficient: (routing) => loadLoss(routing),
  zLossCoefficient: (routing) => zLoss(routing),
};

/** The losses that count. @throws ArgumentError naming the coefficient, what is allowed and what came. */
export function resolveRouterLosses(args: RouterLossArgs & { noisy?: boolean }): RouterLosses {
  const names = Object.keys(losses) as (keyof RouterLossArgs)[];
  const all = names.map((name) => {
    const coefficient = args[name] ?? (name === 'loadBalanceCoefficient' ? 0.01 : 0);
    expectNonNegative(name, coefficient);
    return [coefficient, losses[name]] as const;
  });
  const { loadCoefficient = 0, noisy = false } = args;
  expectThat(loadCoefficient === 0 || noisy, 'loadCoefficient', '0 without noisy', loadCoefficient);
  return all.filter(([coefficient]) => coefficient > 0);
}

/** Their weighted sum over the routings of one call. */
export function sumOfLosses(of: RouterLosses, routings: readonly Routing[], numSequences: number): tf.Scalar {
  return tf.tidy(() => {
    const terms = routings.flatMap((routing) =>
      of.map(([coefficient, loss]) => tf.mul<tf.Scalar>(loss(routing, { numSequences }), coefficient)),
    );
    return tf.addN(terms);
  });
}
