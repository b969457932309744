import { UserError } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

/** A step whose loss or gradient is no finite number, before its update. All ranks see the same step, quantity and value. */
export interface Divergence {
  /** The step, counted from 1. */
  step: number;
  quantity: 'loss' | 'gradient norm';
  value: number;
  /**
   * Parameters whose gradient is not finite, in the model's order, where the loss itself is finite: what they have in common
   * is where to look. Of sharded ones this rank's.
   */
  parameters: string[];
}

/** A loss or gradient that is no number: training can't go on. */
export class DivergedError extends UserError {
  override readonly name = 'DivergedError';

  constructor(readonly divergence: Divergence) {
    super(
      `Training diverged at ${divergenceText(divergence)}. The parameters were not updated with it. ${divergenceCure}`,
    );
  }

  get step(): number {
    return this.divergence.step;
  }
}

/** What usually helps against a loss or gradient that is no number. */
export const divergenceCure = 'A lower learning rate, a longer warm-up or a smaller clip may help.';

/** A divergence in words: `step 7: the loss is NaN, expected a finite number`. */
export function divergenceText({ step, quantity, value, parameters }: Divergence): string {
  const [first, ...more] = parameters;
  const where = first === undefined ? '' : ` (that of ${first}${more.length > 0 ? ` and ${more.length} more` : ''})`;
  return `step ${step}: the ${quantity} is ${value}${where}, expected a finite number`;
}

/** What of a step's numbers is not finite; undefined where all are. */
export function findDivergence(
  step: number,
  { loss, gradientNorm }: { loss: number; gradientNorm: number },
  grads: Readonly<Record<string, tf.Tensor>>,
): Divergence | undefined {
  if (!Number.isFinite(loss)) return { step, quantity: 'loss', value: loss, parameters: [] };
  if (Number.isFinite(gradientNorm)) return undefined;
  const parameters = Object.keys(grads).filter((name) => !isAllFinite(grads[name]!));
  return { step, quantity: 'gradient norm', value: gradientNorm, parameters };
}

function isAllFinite(tensor: tf.Tensor): boolean {
  return tf.tidy(() => tf.all(tf.isFinite(tensor)).dataSync()[0] === 1);
}
