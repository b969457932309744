import { expectInteger, expectPositiveInteger, expectWholeNumber } from '@scmoe/errors';

import { fillPhilox, philox4x32 } from './philox.js';

/** All that it takes to continue a `RandomStream`; survives JSON. */
export interface RandomStreamState {
  seed: number;
  stream: number;
  /** Words used so far. */
  position: number;
}

const wordsPerFill = 256;

/** Blocks from here on serve to name forks; no stream gets this far by drawing. */
const firstForkBlock = 2 ** 52;

/**
 * Random numbers on the host (order of the data, sampling of tokens), one after another from the Philox sequence (seed,
 * stream). `new RandomStream(other.state())` continues exactly where `other` is.
 */
export class RandomStream {
  private readonly seed: number;
  private readonly stream: number;
  private position: number;
  private readonly words = new Uint32Array(wordsPerFill);
  /** Position of words[0]; what the buffer holds is valid for this fill only. */
  private filledFrom = -1;

  constructor({ seed, stream = 0, position = 0 }: { seed: number; stream?: number; position?: number }) {
    expectWholeNumber('seed', seed);
    expectWholeNumber('stream', stream);
    expectWholeNumber('position', position);
    this.seed = seed;
    this.stream = stream;
    this.position = position;
  }

  /** Where the stream is, for `new RandomStream(state)`. */
  state(): RandomStreamState {
    return { seed: this.seed, stream: this.stream, position: this.position };
  }

  /** The next 32 bits, from 0 to 2^32 - 1. */
  word(): number {
    const offset = this.position % wordsPerFill;
    if (this.filledFrom !== this.position - offset) {
      this.filledFrom = this.position - offset;
      fillPhilox(this.words, this.seed, this.stream, this.filledFrom / 4);
    }
    this.position++;
    return this.words[offset]!;
  }

  /** A number in [0, 1), a multiple of 2^-53. */
  uniform(): number {
    return this.bits53() * 2 ** -53;
  }

  /**
   * A whole number in [0, n), each equally likely.
   *
   * @throws ArgumentError unless n is a whole number from 1 to 2^53 - 1.
   */
  int(n: number): number {
    expectPositiveInteger('n', n);
    const range = n <= 2 ** 32 ? 2 ** 32 : 2 ** 53;
    // The last, incomplete run of n values would favour the small ones: draw again.
    const limit = range - (range % n);
    for (;;) {
      const value = range === 2 ** 32 ? this.word() : this.bits53();
      if (value < limit) return value % n;
    }
  }

  /** Puts the elements in random order, in place (Fisher-Yates), and returns the same array. */
  shuffle<Items extends { length: number; [index: number]: unknown }>(items: Items): Items {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.int(i + 1);
      const item = items[i];
      items[i] = items[j];
      items[j] = item;
    }
    return items;
  }

  /**
   * An independent stream of the same seed, at its start. It depends on this stream and on `id`, not on what has been
   * drawn so far; the same id gives the same stream again.
   */
  fork(id: number): RandomStream {
    expectInteger('id', id, { minimum: 0, maximum: firstForkBlock - 1 });
    const [first, second] = philox4x32(this.seed, this.stream, firstForkBlock + id);
    return new RandomStream({ seed: this.seed, stream: join53(first!, second!) });
  }

  private bits53(): number {
    const first = this.word();
    return join53(first, this.word());
  }
}

/** 53 bits out of 64: the upper 27 of the first word, the upper 26 of the second. */
function join53(first: number, second: number): number {
  return (first >>> 5) * 2 ** 26 + (second >>> 6);
}
