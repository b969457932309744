import { ArgumentError, expectThat } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import {
  type CompilableOptimizer,
  type CompiledUpdateOptions,
  isCompilable,
  type Optimizer,
  type OptimizerStepOptions,
} from './Optimizer.js';

/** The slot of an optimizer's state that holds the averages. */
const slot = 'average.';

/**
 * Any optimizer, and beside it an exponential moving average of the variables (Polyak and Juditsky 1992, as it is customary
 * for image models): after update t each average becomes d * average + (1 - d) * variable, where d is the smaller of `decay`
 * and (1 + t) / (10 + t), so that the start is forgotten soon. The averages are part of the state, and of checkpoints.
 */
export class AveragedOptimizer implements CompilableOptimizer {
  readonly name: string;
  private averages: Record<string, tf.Variable> = {};
  /** Whether the averages hold numbers: before the first step they may be there as zeros. */
  private hasAverages = false;

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

  get bfloat16Slots(): readonly string[] {
    return this.inner.bfloat16Slots ?? [];
  }

  get canCompile(): boolean {
    return isCompilable(this.inner);
  }

  step(
    variables: Record<string, tf.Variable>,
    gradients: Record<string, tf.Tensor>,
    options: OptimizerStepOptions,
  ): void {
    this.inner.step(variables, gradients, options);
    this.makeAverages(variables);
    this.moveAverages(variables, this.share());
  }

  prepare(variables: Record<string, tf.Variable>): void {
    this.compilable().prepare(variables);
    this.makeAverages(variables);
  }

  /** What the optimizer itself gives, and by how much the averages move. */
  advance(learningRate: number): number[] {
    return [...this.compilable().advance(learningRate), this.share()];
  }

  update(
    variables: Record<string, tf.Variable>,
    gradients: Record<string, tf.Tensor>,
    { rates, gradScale }: CompiledUpdateOptions,
  ): void {
    tf.tidy(() => {
      const [own, share] = tf.split(rates, [rates.size - 1, 1]) as [tf.Tensor1D, tf.Tensor1D];
      this.compilable().update(variables, gradients, { rates: own, gradScale });
      this.moveAverages(variables, tf.reshape(share, []));
    });
  }

  state(): Record<string, tf.Tensor> {
    const averages = Object.entries(this.hasAverages ? this.averages : {});
    return {
      ...this.inner.state(),
      ...Object.fromEntries(averages.map(([name, average]) => [slot + name, average.clone()])),
    };
  }

  loadState(state: Record<string, tf.Tensor>, stepCount: number): void {
    const entries = Object.entries(state);
    const loaded = averagesIn(state);
    const [kept, gone] = [true, false].map((isKept) =>
      Object.entries(this.averages).filter(([name]) => name in loaded === isKept),
    );
    tf.dispose(gone!.map(([, average]) => average));
    this.averages = Object.fromEntries(kept!);
    this.hasAverages = Object.keys(loaded).length > 0;
    for (const [name, average] of Object.entries(loaded)) {
      // In place: a compiled step knows these variables.
      if (this.averages[name]) this.averages[name].assign(average);
      else this.averages[name] = tf.tidy(() => tf.variable(average, false));
    }
    this.inner.loadState(Object.fromEntries(entries.filter(([name]) => !name.startsWith(slot))), stepCount);
  }

  /**
   * Runs something with the averages in place of the variables, which get their own values back whatever happens. Before
   * the first step there are no averages, and the variables stay as they are.
   */
  async withAverages<T>(variables: Record<string, tf.Variable>, use: () => Promise<T>): Promise<T> {
    const own = Object.entries(this.hasAverages ? this.averages : {}).map(([name, average]) => {
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

  /** The share of the way on which the averages follow the update that was counted last: all of it for the first one. */
  private share(): number {
    if (!this.hasAverages) {
      this.hasAverages = true;
      return 1;
    }
    return 1 - Math.min(this.decay, (1 + this.stepCount) / (10 + this.stepCount));
  }

  private makeAverages(variables: Record<string, tf.Variable>): void {
    for (const [name, { shape }] of Object.entries(variables))
      this.averages[name] ??= tf.tidy(() => tf.variable(tf.zeros(shape), false));
  }

  private moveAverages(variables: Record<string, tf.Variable>, share: number | tf.Tensor): void {
    for (const [name, variable] of Object.entries(variables)) {
      const average = this.averages[name]!;
      const next = tf.tidy(() => tf.add(average, tf.mul(tf.sub(variable, average), share)));
      average.assign(next);
      next.dispose();
    }
  }

  private compilable(): CompilableOptimizer {
    if (isCompilable(this.inner)) return this.inner;
    throw new ArgumentError(
      `AveragedOptimizer: ${this.inner.name}: expected an optimizer with prepare, advance and update`,
    );
  }
}

/** The averages in an optimizer's state, or in what a checkpoint holds of it, by the names of the variables. */
export function averagesIn<T>(state: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(
    Object.entries(state).flatMap(([name, value]) => (name.startsWith(slot) ? [[name.slice(slot.length), value]] : [])),
  );
}
