import { ArgumentError, expectPositiveInteger, expectThat, expectWholeNumber } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

type Values = Readonly<Record<string, tf.Tensor>>;

/**
 * What a recurrence keeps of the tokens of one sequence so far: named tensors whose sizes do not depend on how many tokens
 * there were. Nothing in them says what they were earlier: it can go back before the tokens that came last, and a copy can be made of
 * all tokens, and of as many as there were when `mark` was called. Holds tensors: `dispose` it.
 */
export class RecurrentCache {
  private values: Values = {};
  private numTokens = 0;
  /** What there was before the last tokens. */
  private before: { values: Values; length: number } = { values: {}, length: 0 };
  /** What there was behind so many tokens. */
  private readonly marks = new Map<number, Values>();

  /** Tokens that have gone into it. */
  get length(): number {
    return this.numTokens;
  }

  /** Bytes of what is kept, earlier states among it. */
  get numBytes(): number {
    const all = [this.values, this.before.values, ...this.marks.values()].flatMap((each) => Object.values(each));
    return all.reduce((sum, { size }) => sum + 4 * size, 0);
  }

  /** A tensor by its name; undefined before the first token. For reading, until the next `advance`. */
  get<Value extends tf.Tensor>(name: string): Value | undefined {
    return this.values[name] as Value | undefined;
  }

  /** Takes over what there is behind `count` more tokens: the tensors are the cache's from then on, to dispose as well. */
  advance(count: number, values: Values): void {
    expectPositiveInteger('advance: count', count);
    tf.dispose(this.before.values);
    this.before = { values: this.values, length: this.numTokens };
    for (const value of Object.values(values)) tf.keep(value);
    this.values = values;
    this.numTokens += count;
  }

  /** Goes back before the tokens that came last. @throws ArgumentError where there were not `length` tokens then */
  truncate(length: number): void {
    if (length === this.numTokens) return;
    const { values, length: earlier } = this.before;
    expectThat(length === earlier, 'truncate: length', `${earlier} or ${this.numTokens}`, length);
    tf.dispose(this.values);
    [this.values, this.numTokens] = [values, earlier];
    this.before = { values: {}, length: 0 };
    for (const [tokens, marked] of this.marks) {
      if (tokens <= length) continue;
      tf.dispose(marked);
      this.marks.delete(tokens);
    }
  }

  /** Remembers what there is now, so that a copy can be made of so many tokens when there are more. */
  mark(): void {
    if (this.numTokens > 0 && !this.marks.has(this.numTokens)) this.marks.set(this.numTokens, kept(this.values));
  }

  /** Forgets all marks. */
  clearMarks(): void {
    for (const values of this.marks.values()) tf.dispose(values);
    this.marks.clear();
  }

  /**
   * A cache of its own as it was behind the first `length` tokens, with the marks up to there.
   *
   * @throws ArgumentError where there are not as many, or nothing says what there was behind them
   */
  copy(length: number): RecurrentCache {
    expectWholeNumber('length', length);
    const result = new RecurrentCache();
    if (length === 0) return result;
    const values = length === this.numTokens ? this.values : this.marks.get(length);
    if (!values) {
      const lengths = [0, ...this.marks.keys(), this.numTokens].join(', ');
      throw new ArgumentError(`length: expected one of ${lengths}, for a state can't be cut, got ${length}`);
    }
    result.values = kept(values);
    result.numTokens = length;
    for (const [tokens, marked] of this.marks) if (tokens <= length) result.marks.set(tokens, kept(marked));
    return result;
  }

  /** Frees all; the cache is empty then. */
  dispose(): void {
    this.clearMarks();
    tf.dispose([this.values, this.before.values]);
    this.values = {};
    this.before = { values: {}, length: 0 };
    this.numTokens = 0;
  }
}

/** Handles of the same tensors that outlive every tidy. */
function kept(values: Values): Values {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, tf.keep(tf.clone(value))]));
}
