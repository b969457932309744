import type * as tf from '@tensorflow/tfjs';

import { RandomStream } from '../../random/RandomStream.js';
import type { Operand } from './Operand.js';

const sizes = [0, 1, 1, 2, 2, 3, 3, 4, 5, 7];
const special = [NaN, Infinity, -Infinity, 0, -0, 1, -1, 1e-30, 1e30];
/** Sizes of tensors: small, so that a call takes no time, and now and then large enough to be shared out to threads. */
const mostElements = 400;

/** What the generators of calls draw from: one stream for each call, so that each can be drawn again by itself. */
export class Draw {
  private readonly random: RandomStream;

  constructor(seed: number, call: number) {
    this.random = new RandomStream({ seed, stream: call });
  }

  /** A whole number from `low` to `high`, both included. */
  int(low: number, high: number): number {
    return low + this.random.int(high - low + 1);
  }

  uniform(low = 0, high = 1): number {
    return low + (high - low) * this.random.uniform();
  }

  chance(probability: number): boolean {
    return this.random.uniform() < probability;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.random.int(choices.length)]!;
  }

  /** `length` numbers or other things. */
  list<T>(length: number, draw: (i: number) => T): T[] {
    return Array.from({ length }, (_, i) => draw(i));
  }

  /** A permutation of 0 ... count - 1. */
  permutation(count: number): number[] {
    return this.random.shuffle([...Array(count).keys()]);
  }

  /** Some of 0 ... count - 1, in order. */
  some(count: number): number[] {
    return [...Array(count).keys()].filter(() => this.chance(0.5));
  }

  /** A size of at least `low`, 1 more often than others. */
  size(low = 0): number {
    return this.pick(sizes.filter((size) => size >= low));
  }

  shape(rank = this.int(0, 6), low = 0): number[] {
    const shape: number[] = [];
    for (let d = 0; d < rank; d++) {
      const left = mostElements / Math.max(1, elements(shape));
      shape.push(Math.max(low, Math.min(this.size(low), Math.floor(left))));
    }
    // Shared out to threads from some ten thousand elements on.
    if (rank > 0 && this.chance(0.02)) shape[this.int(0, rank - 1)] = this.int(20, 60);
    return shape;
  }

  /** A shape that broadcasts with another. */
  broadcastable(shape: readonly number[]): number[] {
    const own = shape.slice(this.int(0, shape.length));
    return own.map((size) => (this.chance(0.3) ? 1 : size));
  }

  /** An axis, from either end. */
  axis(rank: number): number {
    return rank === 0 ? 0 : this.int(-rank, rank - 1);
  }

  dtype(): 'float32' | 'int32' | 'bool' {
    return this.pick(['float32', 'float32', 'float32', 'int32', 'bool'] as const);
  }

  tensor(shape: number[], dtype: tf.DataType = this.dtype()): Operand {
    switch (dtype) {
      case 'int32':
        return this.ints(shape);
      case 'bool':
        return { shape, dtype, values: this.list(elements(shape), () => this.int(0, 1)) };
      case 'string':
        return this.strings(shape);
      case 'complex64':
        return { shape, dtype, values: this.list(2 * elements(shape), () => this.uniform(-3, 3)) };
      default:
        return this.floats(shape);
    }
  }

  /** @param options.specials whether NaN, infinities, zeros and extreme numbers may be among them */
  floats(shape: number[], { low = -3, high = 3, specials = false } = {}): Operand {
    const withSpecials = specials && this.chance(0.3);
    const values = this.list(elements(shape), () =>
      withSpecials && this.chance(0.2) ? this.pick(special) : Math.fround(this.uniform(low, high)),
    );
    return { shape, dtype: 'float32', values };
  }

  ints(shape: number[], low = -9, high = 9): Operand {
    return { shape, dtype: 'int32', values: this.list(elements(shape), () => this.int(low, high)) };
  }

  strings(shape: number[]): Operand {
    return { shape, dtype: 'string', values: this.list(elements(shape), () => this.pick(['', 'a', 'a b', 'ü', ' b'])) };
  }
}

export function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
