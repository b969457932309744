import type { Communicator, Work } from '@scmoe/comm';
import * as tf from '@tensorflow/tfjs';

/** Some of a gradient's numbers, in a row. */
interface Piece {
  name: string;
  numbers: tf.Tensor1D;
}

/** Pieces that travel together. */
interface Part {
  pieces: Piece[];
  bytes: number;
}

/**
 * Gradients that wait to be averaged, cut into parts of a size: larger ones are cut, smaller ones put together, in the order in which
 * they came. Every number is averaged as in any other part: sums over the ranks are taken number by number.
 */
export class WaitingGradients {
  private readonly shapes = new Map<string, number[]>();
  private waiting: Part[] = [];
  private sent: { pieces: { name: string; size: number }[]; work: Work<tf.Tensor> }[] = [];

  constructor(
    private readonly group: Communicator,
    private readonly partBytes: number,
  ) {}

  /** Takes a gradient; the caller goes on owning the tensor. */
  add(name: string, gradient: tf.Tensor): void {
    this.shapes.set(name, gradient.shape);
    const most = Math.max(1, Math.floor(this.partBytes / 4));
    const flat: tf.Tensor1D = tf.reshape(gradient, [-1]);
    for (let first = 0; first < gradient.size;) {
      let part = this.waiting.at(-1);
      if (!part || part.bytes >= most * 4) this.waiting.push((part = { pieces: [], bytes: 0 }));
      const size = Math.min(gradient.size - first, most - part.bytes / 4);
      part.pieces.push({ name, numbers: tf.slice(flat, [first], [size]) });
      part.bytes += size * 4;
      first += size;
    }
    flat.dispose();
  }

  /** Sends the next parts, as many as are whole by now. @returns how many that were */
  release(parts: number): number {
    let number = 0;
    while (number < parts && this.waiting[0] && this.waiting[0].bytes + 4 > this.partBytes) {
      this.send(this.waiting.shift()!.pieces);
      number++;
    }
    return number;
  }

  /** Sends what is left, in pieces of at least so many bytes. */
  flush(bucketBytes: number): void {
    let pieces: Piece[] = [];
    let bytes = 0;
    for (const part of this.waiting) {
      pieces.push(...part.pieces);
      bytes += part.bytes;
      if (bytes < bucketBytes) continue;
      this.send(pieces);
      [pieces, bytes] = [[], 0];
    }
    if (pieces.length > 0) this.send(pieces);
    this.waiting = [];
  }

  /** Waits for all that was sent. @returns the averages by name, which the caller disposes */
  async finish(): Promise<Record<string, tf.Tensor>> {
    const found = new Map<string, tf.Tensor[]>([...this.shapes.keys()].map((name) => [name, []]));
    for (const { pieces, work } of this.sent) {
      const flat = await work.done;
      const numbers = tf.tidy(() =>
        tf.split(
          flat,
          pieces.map(({ size }) => size),
        ),
      );
      pieces.forEach(({ name }, i) => found.get(name)!.push(numbers[i]!));
      flat.dispose();
    }
    this.sent = [];
    return Object.fromEntries(
      [...found].map(([name, numbers]) => {
        const whole = tf.tidy(() => {
          if (numbers.length === 0) return tf.zeros(this.shapes.get(name)!);
          return tf.reshape(numbers.length > 1 ? tf.concat(numbers) : numbers[0]!, this.shapes.get(name)!);
        });
        tf.dispose(numbers);
        return [name, whole];
      }),
    );
  }

  private send(pieces: readonly Piece[]): void {
    const numbers = pieces.map((piece) => piece.numbers);
    const flat = tf.tidy(() => tf.concat(numbers));
    const work = this.group.allReduce<tf.Tensor>(flat, { op: 'mean' });
    this.sent.push({ pieces: pieces.map(({ name, numbers: { size } }) => ({ name, size })), work });
    tf.dispose([flat, numbers]);
  }
}
