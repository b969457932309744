/** Bytes that a pool has handed out and keeps. */
export interface PoolStatistics {
  bytesInUse: number;
  peakBytesInUse: number;
  bytesCached: number;
  /** Those among the kept bytes whose memory the system has back until they are handed out again. */
  bytesEmptied: number;
  /** The most memory that all of them took. */
  peakResidentBytes: number;
  /** How many buffers were taken from the system, ever; a steady training step adds none. */
  systemAllocations: number;
}

interface SizeClass {
  buffers: ArrayBuffer[];
  /** Those whose memory the system has: handed out when there are no others. */
  emptied: ArrayBuffer[];
  /** When a buffer of this size was last asked for, in calls. */
  lastUsed: number;
}

const smallestClass = 64;

/** Smaller buffers keep their memory: what they would give back is not worth the call. */
const leastEmptied = 2 ** 20;

/** Options of a pool. */
export interface BufferPoolOptions {
  /** Bytes that may always be kept, however little is in use. */
  minimumCache?: number;
  /** Bytes of memory that are never too many. */
  minimumResident?: number;
  /** Gives the memory of a buffer back to the system, which has to find other memory when it is written again. Default: none is. */
  empty?: (buffer: ArrayBuffer) => void;
}

/**
 * Caching allocator for tensor memory: freed buffers are kept by size class and handed out again, so a training step in
 * its steady state allocates nothing. Sizes are rounded up by at most an eighth (small ones to 64 bytes). What is kept
 * beyond twice the most that was ever in use goes back to the system, sizes that were not asked for the longest first:
 * steps whose sizes change all the time don't grow without bound.
 *
 * What is in use at its peak is of other sizes than what is kept then. So that both together take no more memory than the most that was
 * ever in use, a buffer for which there is none of its size takes the memory of those that were not asked for the longest: they
 * stay, empty.
 */
export class BufferPool {
  private readonly classes = new Map<number, SizeClass>();
  private readonly minimumCache: number;
  private readonly minimumResident: number;
  private readonly empty: ((buffer: ArrayBuffer) => void) | undefined;
  private calls = 0;
  private readonly statistics: PoolStatistics = {
    bytesInUse: 0,
    peakBytesInUse: 0,
    bytesCached: 0,
    bytesEmptied: 0,
    peakResidentBytes: 0,
    systemAllocations: 0,
  };

  /** @param allocate takes aligned memory from the system; it is given back when the ArrayBuffer is collected. */
  constructor(
    private readonly allocate: (bytes: number) => ArrayBuffer,
    { minimumCache = 2 ** 28, minimumResident = 2 ** 26, empty }: BufferPoolOptions = {},
  ) {
    this.minimumCache = minimumCache;
    this.minimumResident = minimumResident;
    this.empty = empty;
  }

  /** A buffer of at least `bytes` bytes, its content undefined. */
  acquire(bytes: number): ArrayBuffer {
    const size = sizeClass(bytes);
    const sameSize = this.classOf(size);
    sameSize.lastUsed = ++this.calls;
    const full = sameSize.buffers.pop();
    const cached = full ?? sameSize.emptied.pop();
    const { statistics } = this;
    if (cached) statistics.bytesCached -= size;
    else statistics.systemAllocations++;
    if (cached && !full) statistics.bytesEmptied -= size;
    statistics.bytesInUse += size;
    if (statistics.bytesInUse > statistics.peakBytesInUse) statistics.peakBytesInUse = statistics.bytesInUse;
    // Before the system is asked for more.
    if (!full) this.makeRoom();
    return cached ?? this.allocate(size);
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

  /** Lets the cached buffers go to the garbage collector, whose time comes later: without their memory. */
  trim(): void {
    for (const [size, { buffers }] of this.classes)
      if (this.empty && size >= leastEmptied) for (const buffer of buffers) this.empty(buffer);
    this.classes.clear();
    this.statistics.bytesCached = 0;
    this.statistics.bytesEmptied = 0;
  }

  stats(): PoolStatistics {
    return { ...this.statistics };
  }

  private classOf(size: number): SizeClass {
    let found = this.classes.get(size);
    if (!found) this.classes.set(size, (found = { buffers: [], emptied: [], lastUsed: this.calls }));
    return found;
  }

  /** Empties buffers until all that are full take no more than the most that was in use. */
  private makeRoom(): void {
    const { statistics, empty } = this;
    const resident = () => statistics.bytesInUse + statistics.bytesCached - statistics.bytesEmptied;
    const most = Math.max(this.minimumResident, statistics.peakBytesInUse);
    while (empty && resident() > most) {
      const stalest = this.stalestFull();
      if (!stalest) break;
      const buffer = stalest.buffers.pop()!;
      empty(buffer);
      stalest.emptied.push(buffer);
      statistics.bytesEmptied += buffer.byteLength;
    }
    statistics.peakResidentBytes = Math.max(statistics.peakResidentBytes, resident());
  }

  private stalestFull(): SizeClass | undefined {
    let stalest: SizeClass | undefined;
    for (const [size, one] of this.classes)
      if (size >= leastEmptied && one.buffers.length > 0 && one.lastUsed < (stalest?.lastUsed ?? Infinity))
        stalest = one;
    return stalest;
  }

  private evict(most: number): void {
    const stalest = [...this.classes].sort(([, a], [, b]) => a.lastUsed - b.lastUsed);
    for (const [size, { buffers, emptied }] of stalest) {
      if (this.statistics.bytesCached <= most) return;
      this.classes.delete(size);
      this.statistics.bytesCached -= size * (buffers.length + emptied.length);
      this.statistics.bytesEmptied -= size * emptied.length;
    }
  }
}

/** `bytes` rounded up to a multiple of an eighth of its power of two, at least 64. */
function sizeClass(bytes: number): number {
  if (bytes <= smallestClass) return smallestClass;
  const step = Math.max(smallestClass, 2 ** (Math.floor(Math.log2(bytes - 1)) - 3));
  return Math.ceil(bytes / step) * step;
}
