/** What makes room: `belady` drops what is needed last of all that is known to come, `lru` what was used last. */
export type EvictionPolicy = 'belady' | 'lru';

/** What a cache slot holds. */
interface Entry {
  key: number;
  lastUsed: number;
  /** Whether it is in use and must stay. */
  pins: number;
}

/**
 * Which expert lies in which slot of a cache, and which has to go. Experts are numbers. What is known to come is told with
 * `expect`: what was read for it is not dropped for something else that is read ahead.
 *
 * Of what is not known to come both policies drop what was used last the longest ago; Belady's choice (1966), optimal where
 * the future is known, reaches as far as that.
 */
export class ExpertCache {
  private readonly entries: (Entry | undefined)[];
  private readonly slotOf = new Map<number, number>();
  private expected: number[] = [];
  private clock = 0;

  /** @param isBusy whether a slot can't be given away now: something is being read into it */
  constructor(
    readonly numSlots: number,
    private readonly policy: EvictionPolicy = 'belady',
    private readonly isBusy: (slot: number) => boolean = () => false,
  ) {
    this.entries = Array.from({ length: numSlots }, () => undefined);
  }

  /** What is known to come and was not used yet, in the order of use. */
  get coming(): readonly number[] {
    return this.expected;
  }

  /** The slot of an expert, where it has one. */
  find(key: number): number | undefined {
    return this.slotOf.get(key);
  }

  /** The expert in a slot. */
  keyOf(slot: number): number | undefined {
    return this.entries[slot]?.key;
  }

  /** Tells what will be used, in that order, after what is known already. */
  expect(keys: readonly number[]): void {
    this.expected.push(...keys);
  }

  /** Takes back what was told of some experts. */
  forget(isMeant: (key: number) => boolean): void {
    this.expected = this.expected.filter((key) => !isMeant(key));
  }

  /**
   * Gives an expert a slot: an empty one, or that of another one, which goes. One that is wanted `ahead` is not needed yet:
   * nothing goes for it that is known to come.
   *
   * @returns undefined where none can be given now
   */
  place(key: number, { ahead = false }: { ahead?: boolean } = {}): number | undefined {
    const slot = this.victim(ahead);
    if (slot === undefined) return undefined;
    this.remove(slot);
    this.entries[slot] = { key, lastUsed: ++this.clock, pins: 0 };
    this.slotOf.set(key, slot);
    return slot;
  }

  /** Says that a slot is used now, and that it has to stay until `release`. */
  use(slot: number): void {
    const entry = this.entries[slot]!;
    entry.lastUsed = ++this.clock;
    entry.pins++;
    const next = this.expected.indexOf(entry.key);
    if (next >= 0) this.expected.splice(next, 1);
  }

  /** Ends what `use` began. */
  release(slot: number): void {
    this.entries[slot]!.pins--;
  }

  /** Empties a slot. */
  remove(slot: number): void {
    const entry = this.entries[slot];
    if (entry) this.slotOf.delete(entry.key);
    this.entries[slot] = undefined;
  }

  private victim(ahead: boolean): number | undefined {
    const nextUse = new Map<number, number>();
    if (ahead || this.policy === 'belady')
      this.expected.forEach((key, index) => nextUse.set(key, nextUse.get(key) ?? index));
    let best: { slot: number; next: number; lastUsed: number } | undefined;
    for (let slot = 0; slot < this.numSlots; slot++) {
      const entry = this.entries[slot];
      if (this.isBusy(slot)) continue;
      if (!entry) return slot;
      if (entry.pins > 0) continue;
      const next = nextUse.get(entry.key) ?? Infinity;
      if (ahead && next < Infinity) continue;
      const isBetter = !best || next > best.next || (next === best.next && entry.lastUsed < best.lastUsed);
      if (isBetter) best = { slot, next, lastUsed: entry.lastUsed };
    }
    return best?.slot;
  }
}
