/** How many times as long as it has worked a thread rests: beside training it takes at most a sixteenth of one core. */
const restPerWork = 15;
/** Less work than that is no reason to rest, for waking takes time too. */
const shortestWorkMs = 1;
/** Work takes long where it gets no core or waits for a disk, and then takes little of what training needs. */
const longestRestMs = 50;

/** What a pace goes by, for tests. */
export interface PaceClock {
  now: () => number;
  wait: (hurry: Int32Array, ms: number) => void;
}

const realClock: PaceClock = {
  now: () => performance.now(),
  wait: (hurry, ms) => void Atomics.wait(hurry, 0, 0, ms),
};

/**
 * The pace of a thread that works beside training: it rests between pieces of its work, until somebody waits for it.
 *
 * A low priority alone is not enough: kernels split their work evenly over their threads and wait for the last one, and a
 * scheduler that puts two of those on one core leaves the other core to the thread, however low its priority is.
 */
export class Pace {
  private since: number;

  /** @param hurry one element in shared memory; 0 until `hurryUp` is called on it */
  constructor(
    private readonly hurry: Int32Array,
    private readonly clock: PaceClock = realClock,
  ) {
    this.since = clock.now();
  }

  get isHurried(): boolean {
    return Atomics.load(this.hurry, 0) !== 0;
  }

  /** Rests for what was done since it last did. Blocks the thread; returns at once when somebody waits. */
  rest(): void {
    const workedMs = this.clock.now() - this.since;
    if (workedMs < shortestWorkMs || this.isHurried) return;
    this.clock.wait(this.hurry, Math.min(longestRestMs, restPerWork * workedMs));
    this.since = this.clock.now();
  }
}

/** A word to the thread of a pace, from another one: not asked to hurry yet. */
export function newHurry(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
}

/** Tells the thread that somebody waits: it rests no more, and wakes where it does. */
export function hurryUp(hurry: Int32Array): void {
  Atomics.store(hurry, 0, 1);
  Atomics.notify(hurry, 0);
}
