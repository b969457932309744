import type { SequenceCache } from './SequenceCache.js';

interface Prefix {
  tokens: readonly number[];
  cache: SequenceCache;
}

/**
 * Keys and values of the beginnings of prompts, those that were used last, for prompts that begin alike. Beginnings are whole
 * chunks: what a later prompt takes over is bit for bit what it would have computed.
 */
export class PrefixCache {
  /** The one used last at the end. */
  private prefixes: Prefix[] = [];

  /** @param maxTokens how many tokens are kept together; 0: none */
  constructor(
    private readonly maxTokens: number,
    private readonly chunkTokens: number,
  ) {}

  get numTokens(): number {
    return this.prefixes.reduce((sum, { tokens }) => sum + tokens.length, 0);
  }

  get numBytes(): number {
    return this.prefixes.reduce((sum, { cache }) => sum + cache.numBytes, 0);
  }

  /** A copy of the longest beginning of a prompt that is known, at least one token short of it; undefined where none is. */
  take(prompt: readonly number[]): SequenceCache | undefined {
    let best: Prefix | undefined;
    let longest = 0;
    for (const prefix of this.prefixes) {
      const shared = this.wholeChunks(sharedLength(prefix.tokens, prompt.length - 1, prompt));
      if (shared > longest) [best, longest] = [prefix, shared];
    }
    if (!best) return undefined;
    this.prefixes = [...this.prefixes.filter((prefix) => prefix !== best), best];
    return best.cache.copy(longest);
  }

  /** Keeps a copy of the beginning of a prompt that `cache` holds, and lets go of the ones used longest ago. */
  add(prompt: readonly number[], cache: SequenceCache): void {
    const length = this.wholeChunks(prompt.length);
    if (length === 0 || length > this.maxTokens) return;
    if (this.prefixes.some(({ tokens }) => sharedLength(tokens, length, prompt) === length)) return;
    // A beginning of the new one is part of it.
    this.drop(({ tokens }) => sharedLength(tokens, length, prompt) === tokens.length);
    while (this.numTokens + length > this.maxTokens) this.drop((_, index) => index === 0);
    this.prefixes.push({ tokens: prompt.slice(0, length), cache: cache.copy(length) });
  }

  /** Frees all. */
  dispose(): void {
    this.drop(() => true);
  }

  private drop(isDropped: (prefix: Prefix, index: number) => boolean): void {
    const dropped = new Set(this.prefixes.filter(isDropped));
    for (const { cache } of dropped) cache.dispose();
    this.prefixes = this.prefixes.filter((prefix) => !dropped.has(prefix));
  }

  private wholeChunks(length: number): number {
    return length - (length % this.chunkTokens);
  }
}

/** How many tokens two texts have in common at their beginning, at most `limit`. */
function sharedLength(a: readonly number[], limit: number, b: readonly number[]): number {
  const most = Math.min(a.length, b.length, limit);
  let length = 0;
  while (length < most && a[length] === b[length]) length++;
  return length;
}
