/** Bytes that a pool has handed out and keeps. */
export interface PoolStatistics {
  bytesInUse: number;
  peakBytesInUse: number;
  bytesCached: number;
  /** How many buffers were taken from the system, ever; a steady training step adds none. */
  systemAllocations: number;
}

interface SizeClass {
  buffers: ArrayBuffer[];
  /** When a buffer of this size was last asked for, in calls. */
  lastUsed: number;
}

const smallestClass = 64;

/**
 * Caching allocator for tensor memory: freed buffers are kept by size class and handed out again, so a training step in
 * its steady state allocates nothing. Sizes are rounded up by at most an eighth (small ones to 64 bytes). What is kept
 * beyond twice the most that was ever in use goes back to the system, sizes that were not asked for the longest first:
 * steps whose sizes change all the time don't grow without bound.
 */
export class BufferPool {
  private readonly classes = new Map<number, SizeClass>();
  private readonly minimumCache: number;
  private calls = 0;
  private readonly statistics: PoolStatistics = {
    bytesInUse: 0,
    peakBytesInUse: 0,
    bytesCached: 0,
    systemAllocations: 0,
  };

  /**
   * @param allocate takes aligned memory from the system; it is given back when the ArrayBuffer is collected.
   * @param options.minimumCache bytes that may always be kept, however little is in use.
   */
  constructor(
    private readonly allocate: (bytes: number) => ArrayBuffer,
    { minimumCache = 2 ** 28 }: { minimumCache?: number } = {},
  ) {
    this.minimumCache = minimumCache;
  }

  /** A buffer of at least `bytes` bytes, its content undefined. */
  acquire(bytes: number): ArrayBuffer {
    const size = sizeClass(bytes);
    const sameSize = this.classOf(size);
    sameSize.lastUsed = ++this.calls;
    const cached = sameSize.buffers.pop();
    if (cached) this.statistics.bytesCached -= size;
    else this.statistics.systemAllocations++;
    const buffer = cached ?? this.allocate(size);
    this.statistics.bytesInUse += size;
    if (this.statistics.bytesInUse > this.statistics.peakBytesInUse) {
      this.statistics.peakBytesInUse = this.statistics.bytesInUse;
    }
    return buffer;
  }

  /** Takes a buffer back; the caller must not touch it any more. */
  release(buffer: ArrayBuffer): void {
    const size = buffer.byteLength;
    this.classOf(size).buffers.push(buffer);
    this.statistics.bytesInUse -= size;
    this.statistics.bytesCached += size;
    const most = Math.max(this.minimumCache, 2 * this.statistics.peakBytesInUse);
    if (this.statistics.bytesCached > most) this.evict(most);
  }

  /** Lets the cached buffers go to the garbage collector. */
  trim(): void {
    this.classes.clear();
    this.statistics.bytesCached = 0;
  }

  stats(): PoolStatistics {
    return { ...this.statistics };
  }

  private classOf(size: number): SizeClass {
    let found = this.classes.get(size);
    if (!found) this.classes.set(size, (found = { buffers: [], lastUsed: this.calls }));
    return found;
  }

  private evict(most: number): void {
    const stalest = [...this.classes].sort(([, a], [, b]) => a.lastUsed - b.lastUsed);
    for (const [size, { buffers }] of stalest) {
      if (this.statistics.bytesCached <= most) return;
      this.classes.delete(size);
      this.statistics.bytesCached -= size * buffers.length;
    }
  }
}

/** `bytes` rounded up to a multiple of an eighth of its power of two, at least 64. */
function sizeClass(bytes: number): number {
  if (bytes <= smallestClass) return smallestClass;
  const step = Math.max(smallestClass, 2 ** (Math.floor(Math.log2(bytes - 1)) - 3));
  return Math.ceil(bytes / step) * step;
}
