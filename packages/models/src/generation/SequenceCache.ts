import { KeyValueCache } from '@scmoe/tensor';

/** Keys and values of one sequence in every attention of a model, with room for more. Holds tensors: `dispose` it. */
export class SequenceCache {
  /** Caches of each stage of the model, by the names of its attentions. */
  readonly stages: readonly Readonly<Record<string, KeyValueCache>>[];

  constructor(stages: readonly Readonly<Record<string, KeyValueCache>>[]) {
    this.stages = stages;
  }

  /** A cache without tokens, for stages with these attentions. */
  static empty(attentions: readonly (readonly string[])[]): SequenceCache {
    return new SequenceCache(
      attentions.map((names) => Object.fromEntries(names.map((name) => [name, new KeyValueCache()]))),
    );
  }

  /** Tokens held. */
  get length(): number {
    return this.all()[0]?.length ?? 0;
  }

  /** Bytes of keys, values and room. */
  get numBytes(): number {
    return this.all().reduce((sum, { numBytes }) => sum + numBytes, 0);
  }

  /** A cache of its own with a copy of the first `length` tokens. @throws ArgumentError where there are not as many */
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

  private all(): KeyValueCache[] {
    return this.stages.flatMap((stage) => Object.values(stage));
  }
}
