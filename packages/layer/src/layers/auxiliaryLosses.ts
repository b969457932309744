import { expectNonNegative, expectThat } from '@scmoe/errors';
import { importanceLoss, loadBalanceLoss, loadLoss, sequenceBalanceLoss, zLoss, type Routing } from '@scmoe/gating';
import * as tf from '@tensorflow/tfjs';

/** Shares of the router's auxiliary losses in the training loss; 0 leaves one out. */
export interface AuxiliaryLossArgs {
  /** Of the load-balance loss; 0.01 by default, the others 0. */
  auxiliaryLossCoefficient?: number;
  /** Of the balance within each sequence of a batch. */
  sequenceLossCoefficient?: number;
  importanceLossCoefficient?: number;
  /** Needs a `noisy` router. */
  loadLossCoefficient?: number;
  zLossCoefficient?: number;
}

export type AuxiliaryLosses = readonly (readonly [coefficient: number, loss: LossOfRouting])[];
type LossOfRouting = (routing: Routing, context: { numSequences: number }) => tf.Scalar;

const losses: Record<keyof AuxiliaryLossArgs, LossOfRouting> = {
  auxiliaryLossCoefficient: (routing) => loadBalanceLoss(routing),
  sequenceLossCoefficient: (routing, context) => sequenceBalanceLoss(routing, context),
  importanceLossCoefficient: (routing) => importanceLoss(routing),
  loadLossCoefficient: (routing) => loadLoss(routing),
  zLossCoefficient: (routing) => zLoss(routing),
};

/** The losses that count. @throws ArgumentError naming the coefficient, what is allowed and what came. */
export function resolveAuxiliaryLosses(args: AuxiliaryLossArgs & { noisy?: boolean }): AuxiliaryLosses {
  const names = Object.keys(losses) as (keyof AuxiliaryLossArgs)[];
  const all = names.map((name) => {
    const coefficient = args[name] ?? (name === 'auxiliaryLossCoefficient' ? 0.01 : 0);
    expectNonNegative(name, coefficient);
    return [coefficient, losses[name]] as const;
  });
  const { loadLossCoefficient = 0, noisy = false } = args;
  expectThat(loadLossCoefficient === 0 || noisy, 'loadLossCoefficient', '0 without noisy', loadLossCoefficient);
  return all.filter(([coefficient]) => coefficient > 0);
}

/** Their weighted sum over the routings of one call. */
export function sumOfLosses(of: AuxiliaryLosses, routings: readonly Routing[], numSequences: number): tf.Scalar {
  return tf.tidy(() => {
    const terms = routings.flatMap((routing) =>
      of.map(([coefficient, loss]) => tf.mul<tf.Scalar>(loss(routing, { numSequences }), coefficient)),
    );
    return tf.addN(terms);
  });
}
