import { ArgumentError, expectThat } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import { expectShape } from '../ops/check.js';
import { overwrite } from '../variables/overwrite.js';
import { AdamW, type AdamWOptions, type AdamWStepOptions, type AdamWUpdateOptions } from './adamW.js';
import { isWeight } from './isWeight.js';
import { orthogonalize } from './orthogonalize.js';
import { roundsOf, type SlicedMatrices } from './slicedMatrices.js';
import { defaultTileValues, inTiles } from './tiles.js';
import { zeroVariable } from './zeroVariable.js';

/** Options of `Muon`; those of AdamW are for the parameters that are no matrices. */
export interface MuonOptions extends Omit<AdamWOptions, 'moments' | 'seed' | 'firstValueOf'> {
  momentum?: number;
  /**
   * Which variables are orthogonalised: matrices (m, n) and stacks of them (E, m, n), each by itself. By default all
   * weights. Tables, the head and whatever else has rows that belong to tokens or classes is better left to AdamW.
   */
  matrices?: (name: string, variable: tf.Variable) => boolean;
  /** What knows the whole of matrices of which a slice is here, for each group of processes that hold slices. Default: all are whole. */
  slices?: readonly SlicedMatrices[];
}

/** Rates of one update, numbers or on the device. */
interface MatrixRates {
  learningRate: number | tf.Tensor;
  gradScale?: tf.Tensor;
}

/**
 * Scale of an update, such that its root mean square is AdamW's and one learning rate serves both: arXiv 2502.16982,
 * eq. 4.
 */
const updateScale = 0.2;

/**
 * Momentum whose update is made orthogonal, for matrices (Jordan et al., Muon, 2024; with weight decay and the scale of
 * Liu et al., Moonlight, arXiv 2502.16982), and AdamW for all other parameters:
 *
 *     g = gradScale * g;  m = momentum * m + g;  o = orthogonalize(g + momentum * m)
 *     p = p (1 - learningRate * weightDecay) - learningRate * 0.2 sqrt(max(rows, columns)) o
 *
 * A stack of experts' matrices is so many matrices: those of a shard move as they would in the whole.
 */
export class Muon {
  /** The name under which checkpoints know it. */
  readonly name = 'Muon';
  private readonly momentum: number;
  private readonly weightDecay: number;
  private readonly decay: (name: string, variable: tf.Variable) => boolean;
  private readonly matrices: (name: string, variable: tf.Variable) => boolean;
  private readonly tileValues: number;
  private readonly slices: readonly SlicedMatrices[];
  private readonly adamW: AdamW;
  private readonly momenta = new Map<string, tf.Variable>();
  private steps = 0;

  constructor({
    momentum = 0.95,
    matrices = isWeight,
    weightDecay = 0.1,
    decay = isWeight,
    tileValues = defaultTileValues,
    slices = [],
    ...rest
  }: MuonOptions = {}) {
    if (!(momentum >= 0 && momentum < 1))
      throw new ArgumentError(`Muon: momentum: expected a number in [0, 1), got ${momentum}`);
    const { moments } = rest as AdamWOptions;
    expectThat(moments !== 'bfloat16', 'Muon: moments', 'none, for its momentum is kept in float32', moments);
    this.momentum = momentum;
    this.matrices = matrices;
    this.weightDecay = weightDecay;
    this.decay = decay;
    this.tileValues = tileValues;
    this.slices = slices;
    this.adamW = new AdamW({ ...rest, weightDecay, decay, tileValues });
  }

  /** Steps taken so far, those before a resumed state included. */
  get stepCount(): number {
    return this.steps;
  }

  /**
   * One update of `variables`, whose state is kept under their names.
   *
   * @param gradients one for each variable, under its name; the caller disposes them
   * @throws Error naming the variable when a gradient or a momentum is missing or of another shape
   */
  step(variables: Record<string, tf.Variable>, gradients: Record<string, tf.Tensor>, options: AdamWStepOptions): void {
    const { matrices, others } = this.parted(variables);
    for (const [name, variable] of matrices) this.check(name, variable, gradients[name]);
    // It checks the options: nothing has moved yet where they are wrong.
    this.adamW.step(Object.fromEntries(others), gradients, options);
    this.stepMatrices(matrices, gradients, options);
    this.steps++;
  }

  /** Makes what is kept of variables that have nothing yet, zeros, so that a recorded `update` finds it. */
  prepare(variables: Record<string, tf.Variable>): void {
    const { matrices, others } = this.parted(variables);
    this.adamW.prepare(Object.fromEntries(others));
    for (const [name, { shape }] of matrices) if (!this.momenta.has(name)) this.momenta.set(name, zeroVariable(shape));
  }

  /** Counts a step, for an `update` to follow. @returns what changes it from step to step, as `AdamW.advance` does */
  advance(learningRate: number): [learningRate: number, stepSize: number, rootCorrection: number] {
    const rates = this.adamW.advance(learningRate);
    this.steps++;
    return rates;
  }

  /**
   * The update of a step that `advance` has counted, with its rates on the device, so that one recording of it serves all steps;
   * equal to `step` but for the rounding of the rates.
   *
   * @throws ArgumentError as `step` does
   */
  update(
    variables: Record<string, tf.Variable>,
    gradients: Record<string, tf.Tensor>,
    { rates, gradScale }: AdamWUpdateOptions,
  ): void {
    const { matrices, others } = this.parted(variables);
    for (const [name, variable] of matrices) this.check(name, variable, gradients[name]);
    this.adamW.update(Object.fromEntries(others), gradients, { rates, gradScale });
    tf.tidy(() => {
      const learningRate = tf.reshape(tf.slice(rates, 0, 1), []);
      this.stepMatrices(matrices, gradients, { learningRate, gradScale });
    });
  }

  /** The momenta as `momentum.<name>` and AdamW's moments: handles that later steps do not change, the caller's to dispose. */
  state(): Record<string, tf.Tensor> {
    const momenta = [...this.momenta].map(([name, momentum]) => [`momentum.${name}`, momentum.clone()] as const);
    return { ...Object.fromEntries(momenta), ...this.adamW.state() };
  }

  /** Takes over what state() gave, and the number of steps behind it; keeps handles of its own. */
  loadState(state: Record<string, tf.Tensor>, stepCount: number): void {
    const isMomentum = (key: string) => key.startsWith('momentum.');
    const entries = Object.entries(state);
    this.adamW.loadState(Object.fromEntries(entries.filter(([key]) => !isMomentum(key))), stepCount);
    const loaded = new Map(
      entries.filter(([key]) => isMomentum(key)).map(([key, momentum]) => [key.slice('momentum.'.length), momentum]),
    );
    for (const [name, own] of this.momenta) {
      const momentum = loaded.get(name);
      // In place where it fits: a recorded step knows this variable.
      if (momentum && tf.util.arraysEqual(own.shape, momentum.shape)) {
        own.assign(momentum);
        loaded.delete(name);
      } else {
        own.dispose();
        this.momenta.delete(name);
      }
    }
    for (const [name, momentum] of loaded) this.momenta.set(name, tf.variable(momentum, false));
    this.steps = stepCount;
  }

  /** Frees the state; the optimizer starts anew from step 0. */
  dispose(): void {
    this.adamW.dispose();
    this.disposeMomenta();
    this.steps = 0;
  }

  /** The variables whose updates are made orthogonal, and those that are AdamW's. */
  private parted(variables: Record<string, tf.Variable>): Record<'matrices' | 'others', [string, tf.Variable][]> {
    const isMatrix = ([name, variable]: [string, tf.Variable]) => variable.rank >= 2 && this.matrices(name, variable);
    const entries = Object.entries(variables);
    return { matrices: entries.filter(isMatrix), others: entries.filter((entry) => !isMatrix(entry)) };
  }

  private check(name: string, variable: tf.Variable, gradient: tf.Tensor | undefined): void {
    if (!gradient) throw new ArgumentError(`Muon: gradients: expected one for '${name}', got none`);
    if (variable.dtype !== 'float32' || gradient.dtype !== 'float32')
      throw new ArgumentError(
        `Muon: '${name}' and its gradient: expected float32, got ${variable.dtype} and ${gradient.dtype}`,
      );
    expectShape('Muon', `the gradient of '${name}'`, gradient, variable.shape);
    const momentum = this.momenta.get(name);
    if (momentum) expectShape('Muon', `the momentum of '${name}'`, momentum, variable.shape);
  }

  private stepMatrices(
    matrices: readonly [string, tf.Variable][],
    gradients: Record<string, tf.Tensor>,
    rates: MatrixRates,
  ): void {
    const holderOf = (name: string, variable: tf.Variable) =>
      this.slices.find((slices) => slices.wholeShape(name, variable) !== undefined);
    for (const [name, variable] of matrices)
      if (!holderOf(name, variable)) this.stepMatrix(name, variable, gradients[name]!, rates);
    // Group by group: ranks of one may hold other matrices in another.
    for (const slices of this.slices) {
      const own = matrices.filter(([name, variable]) => holderOf(name, variable) === slices);
      if (own.length > 0) this.stepSlices(own, gradients, rates, slices);
    }
  }

  /** The same of matrices of which slices are here: momenta are, directions come of the whole, in rounds. */
  private stepSlices(
    matrices: readonly [string, tf.Variable][],
    gradients: Record<string, tf.Tensor>,
    { learningRate, gradScale }: MatrixRates,
    slices: SlicedMatrices,
  ): void {
    const scaled = (gradient: tf.Tensor) => (gradScale ? tf.mul(gradient, tf.reshape(gradScale, [])) : gradient);
    for (const [name] of matrices) {
      const before = this.momenta.get(name);
      const next = tf.tidy(() => {
        const g = scaled(gradients[name]!);
        return before ? tf.add<tf.Tensor>(tf.mul(before, this.momentum), g) : g.clone();
      });
      if (before) overwrite(before, next);
      else this.momenta.set(name, tf.variable(next, false));
      next.dispose();
    }
    const moved = matrices.map((): tf.Tensor3D[] => []);
    const shapes = matrices.map(([, { shape }]) => shape);
    for (const round of roundsOf(shapes, { values: this.tileValues, size: slices.size })) {
      const parts = tf.tidy(() => {
        const part = (x: tf.Tensor3D, first: number, count: number) =>
          count === x.shape[0] ? x : tf.slice(x, [first, 0, 0], [count, x.shape[1], x.shape[2]]);
        const ahead = round.map(({ place, first, count }) => {
          const [name, variable] = matrices[place]!;
          const g = scaled(part(stacked(gradients[name]!, variable), first, count));
          const next = part(stacked(this.momenta.get(name)!, variable), first, count);
          return { name, variable, values: tf.add<tf.Tensor3D>(g, tf.mul(next, this.momentum)) };
        });
        const directions = slices.orthogonalize(ahead);
        return round.map(({ place, first, count }, i) => {
          const [name, variable] = matrices[place]!;
          const whole = slices.wholeShape(name, variable)!;
          const { keep, stepSize } = this.ratesOf(name, variable, learningRate, whole);
          const own = part(stacked(variable, variable), first, count);
          return tf.sub<tf.Tensor3D>(tf.mul(own, keep), tf.mul(directions[i]!, stepSize));
        });
      });
      round.forEach(({ place }, i) => moved[place]!.push(parts[i]!));
      // One variable after the other, as soon as all of it has come: what it was made of goes first.
      for (const { place } of round) {
        const [, variable] = matrices[place]!;
        const own = moved[place]!;
        if (own.reduce((sum, { size }) => sum + size, 0) < variable.size) continue;
        const whole = tf.tidy(() => tf.reshape(own.length === 1 ? own[0]! : tf.concat(own, 0), variable.shape));
        tf.dispose(own);
        overwrite(variable, whole);
        whole.dispose();
      }
    }
  }

  private stepMatrix(
    name: string,
    variable: tf.Variable,
    gradient: tf.Tensor,
    { learningRate, gradScale }: MatrixRates,
  ): void {
    const before = this.momenta.get(name);
    const { keep, stepSize } = this.ratesOf(name, variable, learningRate);
    const scale = gradScale && tf.reshape(gradScale, []);
    const update = (parameter: tf.Tensor, gradient: tf.Tensor, earlier?: tf.Tensor) => {
      const g = scale ? tf.mul(gradient, scale) : gradient;
      const next = earlier ? tf.add(tf.mul(earlier, this.momentum), g) : g.clone();
      const direction = orthogonalize(tf.add(g, tf.mul(next, this.momentum)));
      return [tf.sub(tf.mul(parameter, keep), tf.mul(direction, stepSize)), next];
    };
    // The matrices of a stack move each by itself; one that stands alone can't be cut.
    const values = variable.rank > 2 ? this.tileValues : Infinity;
    const all = [variable, gradient, ...(before ? [before] : [])];
    const [parameter, momentum] = inTiles(all, update, values) as [tf.Tensor, tf.Tensor];
    tf.dispose([scale, keep, stepSize].filter((rate) => rate instanceof tf.Tensor));
    overwrite(variable, parameter);
    parameter.dispose();
    if (before) overwrite(before, momentum);
    else this.momenta.set(name, tf.variable(momentum, false));
    momentum.dispose();
  }

  /** What a matrix is multiplied with, and its direction; a tensor where the learning rate is one. */
  private ratesOf(
    name: string,
    variable: tf.Variable,
    learningRate: number | tf.Tensor,
    shape: readonly number[] = variable.shape,
  ) {
    const [rows, columns] = shape.slice(-2) as [number, number];
    const decay = this.decay(name, variable) ? this.weightDecay : 0;
    const step = updateScale * Math.sqrt(Math.max(rows, columns));
    if (typeof learningRate === 'number') return { keep: 1 - learningRate * decay, stepSize: learningRate * step };
    return tf.tidy(() => ({ keep: tf.sub(1, tf.mul(learningRate, decay)), stepSize: tf.mul(learningRate, step) }));
  }

  private disposeMomenta(): void {
    tf.dispose([...this.momenta.values()]);
    this.momenta.clear();
  }
}

/** A matrix, or a stack of them with any leading axes, as one stack: (matrices, m, n). */
function stacked(x: tf.Tensor, { shape }: Pick<tf.Tensor, 'shape'>): tf.Tensor3D {
  const [m, n] = shape.slice(-2) as [number, number];
  return tf.reshape(x, [-1, m, n]);
}
