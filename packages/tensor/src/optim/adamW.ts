import {
  ArgumentError,
  expectFinite,
  expectNonNegative,
  expectOneOf,
  expectPositive,
  expectPositiveInteger,
  expectThat,
  expectWholeNumber,
} from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import { expectDtype, expectShape } from '../ops/check.js';
import { hasFused } from '../ops/runFused.js';
import { inFloat32, roundToBf16 } from '../weights/roundToBf16.js';
import {
  adamWByRatesKernel,
  type AdamWAttributes,
  type AdamWByRatesAttributes,
  adamWComposed,
  adamWFused,
  adamWKernel,
  type AdamWRates,
  type AdamWRoundedAttributes,
  adamWRoundedComposed,
  adamWRoundedKernel,
  type AdamWSlot,
} from './adamWUpdate.js';
import { isWeight } from './isWeight.js';
import { roundingKeys } from './roundAtRandom.js';
import { defaultTileValues } from './tiles.js';
import { zeroVariable } from './zeroVariable.js';

/** The formats in which AdamW can keep its moments. */
export const momentFormats = ['float32', 'bfloat16'] as const;
/** One of `momentFormats`. */
export type MomentFormat = (typeof momentFormats)[number];

/** Options of `AdamW`, named as in the paper. */
export interface AdamWOptions {
  beta1?: number;
  beta2?: number;
  epsilon?: number;
  weightDecay?: number;
  /** Which variables decay; by default weights and tables, not biases and norms: see `isWeight`. */
  decay?: (name: string, variable: tf.Variable) => boolean;
  /**
   * Numbers of a parameter that are updated at a time, which bounds what an update makes on the way: 2^20 by default. The
   * native AdamW writes over parameters and moments in place, and makes nothing.
   */
  tileValues?: number;
  /**
   * The format of both moments: `bfloat16` takes 4 bytes a number instead of 8, on the native backend. A new moment is then
   * rounded at random to one of its two neighbours, the more often to one the nearer it is, so that changes smaller than their
   * distance add up; the update itself uses what was not rounded. Updates by `update`, which are compiled, know float32 alone, the
   * default.
   */
  moments?: MomentFormat;
  /** The seed of what is drawn for that, which depends on the number of the step and the name of the variable besides. Default: 0. */
  seed?: number;
  /**
   * Where in the whole of a parameter the first number of a variable is that is a part of it, one rank's experts say: what is drawn for
   * a number does not depend on who holds it then. Default: 0.
   */
  firstValueOf?: (name: string, variable: tf.Variable) => number;
}

/** Options of one update. */
export interface AdamWStepOptions {
  learningRate: number;
  /** Scalar on the device by which every gradient is multiplied first: clipping, or the mean over accumulated steps. */
  gradScale?: tf.Tensor;
}

/** Options of an update whose rates are tensors. */
export interface AdamWUpdateOptions {
  /** What `advance` gives, as a tensor: (3) of AdamW and Muon. */
  rates: tf.Tensor;
  /** The scalar of `AdamWStepOptions`. */
  gradScale?: tf.Tensor;
}

/** Variables, as parameters are: so a step that is recorded knows where its state is. */
interface Moments {
  m: tf.Variable;
  v: tf.Variable;
}

/**
 * Adam with decoupled weight decay (Loshchilov and Hutter, arXiv 1711.05101, algorithm 2), one kernel call for all
 * parameters where it is native:
 *
 *     g = gradScale * g;  m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g²
 *     p = p (1 - learningRate * weightDecay) - learningRate * m̂ / (sqrt(v̂) + epsilon)
 *
 * where m̂ and v̂ are m and v over 1 - beta^t. Clones of a variable keep the value that they were taken from.
 */
export class AdamW {
  /** The name under which checkpoints know it. */
  readonly name = 'AdamW';
  private readonly beta1: number;
  private readonly beta2: number;
  private readonly epsilon: number;
  private readonly weightDecay: number;
  private readonly decay: (name: string, variable: tf.Variable) => boolean;
  private readonly tileValues: number;
  private readonly format: MomentFormat;
  private readonly seed: number;
  private readonly firstValueOf: (name: string, variable: tf.Variable) => number;
  private readonly moments = new Map<string, Moments>();
  private steps = 0;

  constructor({
    beta1 = 0.9,
    beta2 = 0.95,
    epsilon = 1e-8,
    weightDecay = 0.1,
    decay = isWeight,
    tileValues = defaultTileValues,
    moments = 'float32',
    seed = 0,
    firstValueOf = () => 0,
  }: AdamWOptions = {}) {
    for (const [name, beta] of Object.entries({ beta1, beta2 }))
      expectThat(beta >= 0 && beta < 1, `AdamW: ${name}`, 'a number >= 0 and < 1', beta);
    expectPositive('AdamW: epsilon', epsilon);
    expectNonNegative('AdamW: weightDecay', weightDecay);
    expectPositiveInteger('AdamW: tileValues', tileValues);
    expectOneOf('AdamW: moments', moments, momentFormats);
    expectWholeNumber('AdamW: seed', seed);
    this.beta1 = beta1;
    this.beta2 = beta2;
    this.epsilon = epsilon;
    this.weightDecay = weightDecay;
    this.decay = decay;
    this.tileValues = tileValues;
    this.format = moments;
    this.seed = seed;
    this.firstValueOf = firstValueOf;
  }

  /** The slots of its state whose numbers are those of bfloat16. */
  get bfloat16Slots(): readonly string[] {
    return this.format === 'bfloat16' ? ['m', 'v'] : [];
  }

  /** Whether there is an `update` to compile. */
  get canCompile(): boolean {
    return this.format === 'float32';
  }

  /** Steps taken so far, those before a resumed state included. */
  get stepCount(): number {
    return this.steps;
  }

  /**
   * One update of `variables`, whose moments are kept under their names.
   *
   * @param gradients one for each variable, under its name; the caller disposes them
   * @throws ArgumentError naming the variable when a gradient or a moment is missing or of another shape
   */
  step(
    variables: Record<string, tf.Variable>,
    gradients: Record<string, tf.Tensor>,
    { learningRate, gradScale }: AdamWStepOptions,
  ): void {
    expectFinite('AdamW: learningRate', learningRate);
    const [names, slots] = this.slots(variables, gradients, gradScale);
    if (slots.length === 0) return;
    const [, stepSize, rootCorrection] = this.advance(learningRate);
    const attributes: AdamWAttributes = {
      keep: names.map((name) => (this.decay(name, variables[name]!) ? 1 - learningRate * this.weightDecay : 1)),
      beta1: this.beta1,
      beta2: this.beta2,
      epsilon: this.epsilon,
      stepSize,
      rootCorrection,
    };
    if (this.format === 'bfloat16') {
      const keys = names.map((name) => roundingKeys(this.seed, this.steps, name));
      const firsts = names.map((name) => this.firstValueOf(name, variables[name]!));
      this.updateRounded(slots, { ...attributes, keys, firsts }, gradScale);
      return;
    }
    if (!hasFused(adamWKernel)) {
      this.updateComposed(slots, attributes, gradScale);
      return;
    }
    renewAll(slots, adamWFused(adamWKernel, slots, attributes, gradScale && { gradScale }));
  }

  /** Makes the moments of variables that have none yet, zeros, so that a recorded `update` finds them. */
  prepare(variables: Record<string, tf.Variable>): void {
    for (const [name, variable] of Object.entries(variables)) this.momentsOf(name, variable);
  }

  /**
   * Counts a step, for an `update` to follow.
   *
   * @returns what changes it from step to step: learningRate, learningRate / (1 - beta1^t) and 1 / sqrt(1 - beta2^t)
   */
  advance(learningRate: number): [learningRate: number, stepSize: number, rootCorrection: number] {
    expectFinite('AdamW: learningRate', learningRate);
    const t = ++this.steps;
    return [learningRate, learningRate / (1 - this.beta1 ** t), 1 / Math.sqrt(1 - this.beta2 ** t)];
  }

  /**
   * The update of a step that `advance` has counted, with its rates on the device: nothing of it is a number of JavaScript, so
   * one recording of it serves all steps. Equal to `step` but for the rounding of the rates.
   *
   * @throws ArgumentError as `step` does, and where moments are kept in bfloat16
   */
  update(
    variables: Record<string, tf.Variable>,
    gradients: Record<string, tf.Tensor>,
    { rates, gradScale }: AdamWUpdateOptions,
  ): void {
    expectThat(this.canCompile, 'AdamW: update', 'moments in float32', this.format);
    expectShape('AdamW', 'rates', rates, [3]);
    const [names, slots] = this.slots(variables, gradients, gradScale);
    if (slots.length > 0 && hasFused(adamWByRatesKernel)) {
      const { beta1, beta2, epsilon, weightDecay } = this;
      const decays = names.map((name) => (this.decay(name, variables[name]!) ? 1 : 0));
      const attributes: AdamWByRatesAttributes = { decays, beta1, beta2, epsilon, weightDecay };
      renewAll(slots, adamWFused(adamWByRatesKernel, slots, attributes, { rates, ...(gradScale && { gradScale }) }));
      return;
    }
    tf.tidy(() => {
      const [learningRate, stepSize, rootCorrection] = tf.unstack(rates) as [tf.Tensor, tf.Tensor, tf.Tensor];
      const decayed = tf.sub(1, tf.mul(learningRate, this.weightDecay));
      const keep = names.map((name) => (this.decay(name, variables[name]!) ? decayed : 1));
      this.updateComposed(slots, { keep, stepSize, rootCorrection }, gradScale);
    });
  }

  /** The moments as `m.<name>` and `v.<name>`: handles that later steps do not change, the caller's to dispose. */
  state(): Record<string, tf.Tensor> {
    return Object.fromEntries(
      [...this.moments].flatMap(([name, { m, v }]) => [
        [`m.${name}`, m.clone()],
        [`v.${name}`, v.clone()],
      ]),
    );
  }

  /**
   * Takes over the moments that state() gave, and the number of steps behind them; keeps handles of its own. Moments in float32 are
   * rounded to the nearest where they are to be kept in bfloat16.
   */
  loadState(state: Record<string, tf.Tensor>, stepCount: number): void {
    expectWholeNumber('AdamW: stepCount', stepCount);
    const names = Object.keys(state);
    const unknown = names.find((key) => !/^[mv]\../.test(key));
    expectThat(unknown === undefined, 'AdamW: state', 'only m.<name> and v.<name>', unknown);
    const loaded = new Map<string, Record<'m' | 'v', tf.Tensor>>();
    for (const name of new Set(names.map((key) => key.slice(2)))) {
      const [m, v] = [state[`m.${name}`], state[`v.${name}`]];
      if (!m || !v) throw new ArgumentError(`AdamW: state: expected ${m ? 'v' : 'm'}.${name} as well, got none`);
      expectShape('AdamW', `v.${name}`, v, m.shape, `like m.${name}`);
      loaded.set(name, { m, v });
    }
    tf.tidy(() => this.takeOver(loaded));
    this.steps = stepCount;
  }

  private takeOver(given: Map<string, Record<'m' | 'v', tf.Tensor>>): void {
    const kept = (x: tf.Tensor) => (this.format === 'bfloat16' ? roundToBf16(x) : inFloat32(x));
    const loaded = new Map([...given].map(([name, { m, v }]) => [name, { m: kept(m), v: kept(v) }]));
    for (const [name, own] of this.moments) {
      const { m, v } = loaded.get(name) ?? {};
      // In place where they fit: a recorded step knows these variables.
      if (m && v && tf.util.arraysEqual(own.m.shape, m.shape)) {
        own.m.assign(m);
        own.v.assign(v);
        loaded.delete(name);
      } else {
        tf.dispose([own.m, own.v]);
        this.moments.delete(name);
      }
    }
    for (const [name, { m, v }] of loaded)
      this.moments.set(name, { m: tf.variable(m, false), v: tf.variable(v, false) });
  }

  /** Frees the moments; the optimizer starts anew from step 0. */
  dispose(): void {
    for (const { m, v } of this.moments.values()) tf.dispose([m, v]);
    this.moments.clear();
    this.steps = 0;
  }

  private slots(
    variables: Record<string, tf.Variable>,
    gradients: Record<string, tf.Tensor>,
    gradScale?: tf.Tensor,
  ): [names: string[], slots: AdamWSlot[]] {
    if (gradScale) {
      expectDtype('AdamW', 'gradScale', gradScale, 'float32');
      expectThat(gradScale.size === 1, 'AdamW: gradScale', 'a scalar', gradScale.shape);
    }
    const names = Object.keys(variables);
    return [names, names.map((name) => this.slot(name, variables[name]!, gradients[name]))];
  }

  private updateComposed(slots: AdamWSlot[], rates: AdamWRates, gradScale?: tf.Tensor): void {
    const { beta1, beta2, epsilon, tileValues } = this;
    // One parameter after the other: none waits with its new values until all have theirs.
    slots.forEach((slot, i) =>
      renew(slot, adamWComposed(slot, i, { ...rates, beta1, beta2, epsilon }, { gradScale, tileValues })),
    );
  }

  private updateRounded(slots: AdamWSlot[], attributes: AdamWRoundedAttributes, gradScale?: tf.Tensor): void {
    if (hasFused(adamWRoundedKernel)) {
      renewAll(slots, adamWFused(adamWRoundedKernel, slots, attributes, gradScale && { gradScale }));
      return;
    }
    slots.forEach((slot, i) => {
      renew(slot, adamWRoundedComposed(slot, i, attributes, { gradScale, tileValues: this.tileValues }));
    });
  }

  private slot(name: string, variable: tf.Variable, gradient: tf.Tensor | undefined): AdamWSlot {
    if (!gradient) throw new ArgumentError(`AdamW: gradients: expected one for '${name}', got none`);
    expectDtype('AdamW', `'${name}'`, variable, 'float32');
    expectDtype('AdamW', `the gradient of '${name}'`, gradient, 'float32');
    expectShape('AdamW', `the gradient of '${name}'`, gradient, variable.shape);
    const moments = this.momentsOf(name, variable);
    expectShape('AdamW', `the moments of '${name}'`, moments.m, variable.shape);
    return { parameter: variable, gradient, ...moments };
  }

  private momentsOf(name: string, { shape }: tf.Variable): Moments {
    let moments = this.moments.get(name);
    if (!moments) {
      const format = this.format;
      moments = { m: zeroVariable(shape, format), v: zeroVariable(shape, format) };
      this.moments.set(name, moments);
    }
    return moments;
  }
}

/** Hands a parameter and its moments their new values. */
function renew({ parameter, m, v }: AdamWSlot, updated: [tf.Tensor, tf.Tensor, tf.Tensor]): void {
  [parameter, m, v].forEach((variable, i) => variable.assign(updated[i]!));
  tf.dispose(updated);
}

/** Hands out what `adamWFused` gives. */
function renewAll(slots: readonly AdamWSlot[], updated: readonly tf.Tensor[]): void {
  if (updated.length === 0) return;
  const { length } = slots;
  slots.forEach((slot, i) => renew(slot, [updated[i]!, updated[length + i]!, updated[2 * length + i]!]));
}
