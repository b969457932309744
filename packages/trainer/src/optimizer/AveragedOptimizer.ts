import { expectThat } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import type { Optimizer, OptimizerStepOptions } from './Optimizer.js';

/** The slot of an optimizer's state that holds the averages. */
const slot = 'average.';

/**
 * Any optimizer, and beside it an exponential moving average of the variables (Polyak and Juditsky 1992, as it is customary
 * for image models): after update t each average becomes d * average + (1 - d) * variable, where d is the smaller of `decay`
 * and (1 + t) / (10 + t), so that the start is forgotten soon. The averages are part of the state, and of checkpoints.
 */
export class AveragedOptimizer implements Optimizer {
  readonly name: string;
  private averages: Record<string, tf.Tensor> = {};

  /** @throws ArgumentError for a decay outside of (0, 1) */
  constructor(
    private readonly inner: Optimizer,
    private readonly decay: number,
  ) {
    expectThat(decay > 0 && decay < 1, 'decay', 'a number above 0 and below 1', decay);
    this.name = `${inner.name}, averaged`;
  }

  get stepCount(): number {
    return this.inner.stepCount;
  }

  step(
    variables: Record<string, tf.Variable>,
    gradients: Record<string, tf.Tensor>,
    options: OptimizerStepOptions,
  ): void {
    this.inner.step(variables, gradients, options);
    const decay = Math.min(this.decay, (1 + this.stepCount) / (10 + this.stepCount));
    for (const [name, variable] of Object.entries(variables)) {
      const before = this.averages[name];
      this.averages[name] = tf.tidy(() =>
        tf.keep(before ? tf.add(before, tf.mul(tf.sub(variable, before), 1 - decay)) : variable.clone()),
      );
      before?.dispose();
    }
  }

  state(): Record<string, tf.Tensor> {
    const averages = Object.entries(this.averages).map(([name, average]) => [slot + name, average.clone()] as const);
    return { ...this.inner.state(), ...Object.fromEntries(averages) };
  }

  loadState(state: Record<string, tf.Tensor>, stepCount: number): void {
    const entries = Object.entries(state);
    const before = this.averages;
    this.averages = {};
    for (const [name, average] of Object.entries(averagesIn(state))) this.averages[name] = tf.keep(average.clone());
    tf.dispose(before);
    this.inner.loadState(Object.fromEntries(entries.filter(([name]) => !name.startsWith(slot))), stepCount);
  }

  /**
   * Runs something with the averages in place of the variables, which get their own values back whatever happens. Before
   * the first step there are no averages, and the variables stay as they are.
   */
  async withAverages<T>(variables: Record<string, tf.Variable>, use: () => Promise<T>): Promise<T> {
    const own = Object.entries(this.averages).map(([name, average]) => {
      const value = variables[name]!.clone();
      variables[name]!.assign(average);
      return [variables[name]!, value] as const;
    });
    try {
      return await use();
    } finally {
      for (const [variable, value] of own) {
        variable.assign(value);
        value.dispose();
      }
    }
  }
}

/** The averages in an optimizer's state, or in what a checkpoint holds of it, by the names of the variables. */
export function averagesIn<T>(state: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(
    Object.entries(state).flatMap(([name, value]) => (name.startsWith(slot) ? [[name.slice(slot.length), value]] : [])),
  );
}
