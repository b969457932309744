import { ArgumentError, expectThat, expectWholeNumber } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import { shapeText } from '../ops/check.js';
import { appendRows, withRoom } from './appendRows.js';

/**
 * Keys and values of the tokens of one sequence so far, in one attention, with room for more: what comes is written behind
 * what is there, which stays where it is. When the room is full it doubles. Holds tensors: `dispose` it.
 *
 * On a backend that can't write into a tensor every append copies; the values are the same.
 */
export class KeyValueCache {
  /** (rows, kvWidth), float32; rows beyond `length` are room. Keys are turned by their positions. */
  private keyRows: tf.Tensor2D | undefined;
  /** The same for values; undefined where keys are their own values. */
  private valueRows: tf.Tensor2D | undefined;
  private numTokens = 0;

  /** Tokens held. */
  get length(): number {
    return this.numTokens;
  }

  /** Bytes of keys, values and room. */
  get numBytes(): number {
    return 4 * ((this.keyRows?.size ?? 0) + (this.valueRows?.size ?? 0));
  }

  /** Keys (>= length, kvWidth): for reading, until the next append. */
  get keys(): tf.Tensor2D | undefined {
    return this.keyRows;
  }

  /** Values (>= length, kvWidth), or the keys where they are their own values: for reading, until the next append. */
  get values(): tf.Tensor2D | undefined {
    return this.valueRows ?? this.keyRows;
  }

  /**
   * Writes `count` tokens behind those that are there: rows `first` to `first + count` of keys and values (1, T, kvWidth).
   *
   * @param values undefined where keys are their own values, in every append alike
   * @throws ArgumentError where there are not as many tokens, or their widths are not those of the tokens before
   */
  append(keys: tf.Tensor3D, values: tf.Tensor3D | undefined, { first, count }: { first: number; count: number }): void {
    expectWholeNumber('append: first', first);
    expectWholeNumber('append: count', count);
    for (const rows of values ? [keys, values] : [keys]) {
      const fits = rows.rank === 3 && rows.shape[0] === 1 && first + count <= rows.shape[1];
      expectThat(fits, 'append', `(1, T, width) with at least ${first + count} tokens`, rows.shape);
    }
    this.expectValues(values !== undefined);
    const at = this.numTokens;
    this.keyRows = appendRows(this.keyRows, at, keys, { first, count });
    if (values) this.valueRows = appendRows(this.valueRows, at, values, { first, count });
    this.numTokens += count;
  }

  /**
   * Makes room for `count` tokens behind those that are there, where there is none.
   *
   * @param widths of a token's keys and values; without values where keys are their own values, always or never
   * @throws ArgumentError where the widths are not those of the tokens before
   */
  reserve(count: number, { keys, values }: { keys: number; values: number | undefined }): void {
    expectWholeNumber('reserve: count', count);
    this.expectValues(values !== undefined);
    const at = this.numTokens;
    this.keyRows = withRoom(this.keyRows, at, { needed: at + count, width: keys });
    if (values !== undefined) this.valueRows = withRoom(this.valueRows, at, { needed: at + count, width: values });
  }

  /** Counts `count` tokens more, which a kernel has written into the room that `reserve` made. */
  wrote(count: number): void {
    const room = this.keyRows?.shape[0] ?? 0;
    const left = room - this.numTokens;
    expectThat(Number.isInteger(count) && count >= 0 && count <= left, 'wrote', `at most ${left} tokens`, count);
    this.numTokens += count;
  }

  /** Forgets the tokens from `length` on; the room stays. @throws ArgumentError where there are not as many */
  truncate(length: number): void {
    expectWholeNumber('truncate: length', length);
    expectThat(length <= this.numTokens, 'truncate: length', `at most the ${this.numTokens} tokens held`, length);
    this.numTokens = length;
  }

  /** A cache of its own with a copy of the first `length` tokens. @throws ArgumentError where there are not as many */
  copy(length: number): KeyValueCache {
    expectWholeNumber('length', length);
    if (length > this.numTokens) {
      const shape = this.keyRows ? `, in rows ${shapeText(this.keyRows)}` : '';
      throw new ArgumentError(`length: expected at most the ${this.numTokens} tokens held${shape}, got ${length}`);
    }
    const result = new KeyValueCache();
    if (length === 0) return result;
    const head = (rows: tf.Tensor2D) => tf.keep(tf.slice(rows, [0, 0], [length, rows.shape[1]]));
    result.keyRows = head(this.keyRows!);
    if (this.valueRows) result.valueRows = head(this.valueRows);
    result.numTokens = length;
    return result;
  }

  /** Frees keys and values; the cache is empty then. */
  dispose(): void {
    tf.dispose([this.keyRows, this.valueRows].filter((rows) => rows !== undefined));
    this.keyRows = undefined;
    this.valueRows = undefined;
    this.numTokens = 0;
  }

  private expectValues(hasValues: boolean): void {
    if (this.numTokens > 0 && (this.valueRows !== undefined) !== hasValues)
      throw new ArgumentError('append: expected values beside the keys always or never');
  }
}
