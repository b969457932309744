import { ArgumentError } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import { expectShape } from '../ops/check.js';
import { AdamW, type AdamWOptions, type AdamWStepOptions } from './adamW.js';
import { isWeight } from './isWeight.js';
import { orthogonalize } from './orthogonalize.js';
import { defaultTileValues, inTiles } from './tiles.js';

/** Options of `Muon`; those of AdamW are for the parameters that are no matrices. */
export interface MuonOptions extends AdamWOptions {
  momentum?: number;
  /**
   * Which variables are orthogonalised: matrices (m, n) and stacks of them (E, m, n), each by itself. By default all
   * weights. Tables, the head and whatever else has rows that belong to tokens or classes is better left to AdamW.
   */
  matrices?: (name: string, variable: tf.Variable) => boolean;
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
  private readonly adamW: AdamW;
  private readonly momenta = new Map<string, tf.Tensor>();
  private steps = 0;

  constructor({
    momentum = 0.95,
    matrices = isWeight,
    weightDecay = 0.1,
    decay = isWeight,
    tileValues = defaultTileValues,
    ...rest
  }: MuonOptions = {}) {
    if (!(momentum >= 0 && momentum < 1))
      throw new ArgumentError(`Muon: momentum: expected a number in [0, 1), got ${momentum}`);
    this.momentum = momentum;
    this.matrices = matrices;
    this.weightDecay = weightDecay;
    this.decay = decay;
    this.tileValues = tileValues;
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
    const names = Object.keys(variables);
    const isMatrix = (name: string) => variables[name]!.rank >= 2 && this.matrices(name, variables[name]!);
    const matrices = names.filter(isMatrix);
    for (const name of matrices) this.check(name, variables[name]!, gradients[name]);
    const others = names.filter((name) => !isMatrix(name)).map((name) => [name, variables[name]!] as const);
    // It checks the options: nothing has moved yet where they are wrong.
    this.adamW.step(Object.fromEntries(others), gradients, options);
    for (const name of matrices) this.stepMatrix(name, variables[name]!, gradients[name]!, options);
    this.steps++;
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
    this.disposeMomenta();
    for (const [key, momentum] of entries)
      if (isMomentum(key)) this.momenta.set(key.slice('momentum.'.length), tf.keep(momentum.clone()));
    this.steps = stepCount;
  }

  /** Frees the state; the optimizer starts anew from step 0. */
  dispose(): void {
    this.adamW.dispose();
    this.disposeMomenta();
    this.steps = 0;
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

  private stepMatrix(
    name: string,
    variable: tf.Variable,
    gradient: tf.Tensor,
    { learningRate, gradScale }: AdamWStepOptions,
  ): void {
    const before = this.momenta.get(name);
    const [rows, columns] = variable.shape.slice(-2) as [number, number];
    const keep = this.decay(name, variable) ? 1 - learningRate * this.weightDecay : 1;
    const stepSize = learningRate * updateScale * Math.sqrt(Math.max(rows, columns));
    const scale = gradScale && tf.reshape(gradScale, []);
    const update = (parameter: tf.Tensor, gradient: tf.Tensor, earlier?: tf.Tensor) => {
      const g = scale ? tf.mul(gradient, scale) : gradient;
      const next = earlier ? tf.add(tf.mul(earlier, this.momentum), g) : g.clone();
      const direction = orthogonalize(tf.add(g, tf.mul(next, this.momentum)));
      return [tf.sub(tf.mul(parameter, keep), tf.mul(direction, stepSize)), next];
    };
    // The matrices of a stack move each by itself; one that stands alone can't be cut.
    const all = [variable, gradient, ...(before ? [before] : [])];
    const values = variable.rank > 2 ? this.tileValues : Infinity;
    const [parameter, momentum] = inTiles(all, update, values) as [tf.Tensor, tf.Tensor];
    scale?.dispose();
    variable.assign(parameter);
    parameter.dispose();
    before?.dispose();
    this.momenta.set(name, tf.keep(momentum));
  }

  private disposeMomenta(): void {
    tf.dispose([...this.momenta.values()]);
    this.momenta.clear();
  }
}
