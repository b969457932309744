import { RecurrentCache, type KeyValueCache } from '@scmoe/tensor';

/** What one attention keeps of one sequence. */
export type AttentionMemory = KeyValueCache | RecurrentCache;

/** Keys and values, or the state, of one sequence in every attention of a model. Holds tensors: `dispose` it. */
export class SequenceCache {
  /** Caches of each stage of the model, by the names of its attentions. */
  readonly stages: readonly Readonly<Record<string, AttentionMemory>>[];

  constructor(stages: readonly Readonly<Record<string, AttentionMemory>>[]) {
    this.stages = stages;
  }

  /** Tokens held. */
  get length(): number {
    // Asked for several times a step and text: without a list of them all.
    for (const stage of this.stages) for (const name in stage) return stage[name]!.length;
    return 0;
  }

  /** Bytes of keys, values and room, and of states. */
  get numBytes(): number {
    return this.all().reduce((sum, { numBytes }) => sum + numBytes, 0);
  }

  /** Remembers the states as they are: a copy of as many tokens as there are now can then be made when there are more. */
  mark(): void {
    for (const cache of this.all()) if (cache instanceof RecurrentCache) cache.mark();
  }

  /** Forgets what `mark` remembered. */
  clearMarks(): void {
    for (const cache of this.all()) if (cache instanceof RecurrentCache) cache.clearMarks();
  }

  /**
   * A cache of its own with a copy of the first `length` tokens.
   *
   * @throws ArgumentError where there are not as many, or a state was not marked there
   */
  copy(length: number): SequenceCache {
    return new SequenceCache(
      this.stages.map((stage) =>
        Object.fromEntries(Object.entries(stage).map(([name, cache]) => [name, cache.copy(length)])),
      ),
    );
  }

  /** Forgets the tokens from `length` on. @throws ArgumentError where there are not as many */
  truncate(length: number): void {
    for (const cache of this.all()) cache.truncate(length);
  }

  /** Frees all keys and values; the cache is empty then. */
  dispose(): void {
    for (const cache of this.all()) cache.dispose();
  }

  private all(): AttentionMemory[] {
    return this.stages.flatMap((stage) => Object.values(stage));
  }
}
