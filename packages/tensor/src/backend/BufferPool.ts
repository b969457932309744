/** Bytes that a pool has handed out and keeps. */
export interface PoolStatistics {
  bytesInUse: number;
  peakBytesInUse: number;
  bytesCached: number;
  /** How many buffers were taken from the system, ever; a steady training step adds none. */
  systemAllocations: number;
}

const smallestClass = 64;

/**
 * Caching allocator for tensor memory: freed buffers are kept by size class and handed out again, so a training step in
 * its steady state allocates nothing. Sizes are rounded up by at most an eighth.
 */
export class BufferPool {
  private readonly free = new Map<number, ArrayBuffer[]>();
  private readonly statistics: PoolStatistics = {
    bytesInUse: 0,
    peakBytesInUse: 0,
    bytesCached: 0,
    systemAllocations: 0,
  };

  /** @param allocate takes aligned memory from the system; it is given back when the ArrayBuffer is collected. */
  constructor(private readonly allocate: (bytes: number) => ArrayBuffer) {}

  /** A buffer of at least `bytes` bytes, its content undefined. */
  acquire(bytes: number): ArrayBuffer {
    const size = sizeClass(bytes);
    const cached = this.free.get(size)?.pop();
    if (cached) this.statistics.bytesCached -= size;
    else this.statistics.systemAllocations++;
    const buffer = cached ?? this.allocate(size);
    this.statistics.bytesInUse += size;
    this.statistics.peakBytesInUse = Math.max(this.statistics.peakBytesInUse, this.statistics.bytesInUse);
    return buffer;
  }

  /** Takes a buffer back; the caller must not touch it any more. */
  release(buffer: ArrayBuffer): void {
    const size = buffer.byteLength;
    const list = this.free.get(size);
    if (list) list.push(buffer);
    else this.free.set(size, [buffer]);
    this.statistics.bytesInUse -= size;
    this.statistics.bytesCached += size;
  }

  /** Lets the cached buffers go to the garbage collector. */
  trim(): void {
    this.free.clear();
    this.statistics.bytesCached = 0;
  }

  stats(): PoolStatistics {
    return { ...this.statistics };
  }
}

/** `bytes` rounded up to a multiple of an eighth of its power of two, at least 64. */
function sizeClass(bytes: number): number {
  if (bytes <= smallestClass) return smallestClass;
  const step = Math.max(smallestClass, 2 ** (Math.floor(Math.log2(bytes - 1)) - 2));
  return Math.ceil(bytes / step) * step;
}
