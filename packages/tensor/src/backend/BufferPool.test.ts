import { BufferPool } from './BufferPool.js';

describe('BufferPool', () => {
  const make = () => new BufferPool((bytes) => new ArrayBuffer(bytes));

  it('hands a released buffer out again for a size of the same class', () => {
    const pool = make();
    const first = pool.acquire(1000);
    pool.release(first);
    expect(pool.acquire(1001)).toBe(first);
    expect(pool.stats().systemAllocations).toBe(1);
  });

  it('never hands out a buffer that is in use', () => {
    const pool = make();
    const buffers = Array.from({ length: 10 }, () => pool.acquire(100));
    expect(new Set(buffers).size).toBe(10);
  });

  it('rounds sizes up by at most an eighth above 512 bytes', () => {
    const pool = make();
    for (let bytes = 513; bytes < 1e7; bytes = Math.ceil(bytes * 1.07)) {
      const { byteLength } = pool.acquire(bytes);
      expect(byteLength).toBeGreaterThanOrEqual(bytes);
      expect(byteLength / bytes).toBeLessThanOrEqual(1.125);
    }
  });

  it('gives empty tensors a buffer as well', () => {
    expect(make().acquire(0).byteLength).toBeGreaterThan(0);
  });

  it('counts bytes in use, their peak, and cached bytes', () => {
    const pool = make();
    const a = pool.acquire(1024);
    const b = pool.acquire(2048);
    pool.release(a);
    expect(pool.stats()).toEqual({
      bytesInUse: 2048,
      peakBytesInUse: 3072,
      bytesCached: 1024,
      bytesEmptied: 0,
      peakResidentBytes: 3072,
      systemAllocations: 2,
    });
    pool.release(b);
    pool.trim();
    expect(pool.stats()).toMatchObject({ bytesInUse: 0, bytesCached: 0 });
  });

  it('keeps a steady cycle of sizes without new allocations', () => {
    const pool = make();
    const step = () => [100, 5000, 123456, 5000].map((bytes) => pool.acquire(bytes)).forEach((b) => pool.release(b));
    step();
    const { systemAllocations } = pool.stats();
    for (let i = 0; i < 5; i++) step();
    expect(pool.stats().systemAllocations).toBe(systemAllocations);
  });

  it('gives the memory of what it keeps back where full buffers would take more than the most in use', () => {
    const MiB = 2 ** 20;
    const emptied: ArrayBuffer[] = [];
    const empty = (buffer: ArrayBuffer) => void emptied.push(buffer);
    const pool = new BufferPool((bytes) => new ArrayBuffer(bytes), { minimumResident: 0, empty });
    const [large, small] = [pool.acquire(8 * MiB), pool.acquire(100)];
    pool.release(large);
    pool.release(small);
    const two = [pool.acquire(2 * MiB), pool.acquire(2 * MiB)];
    expect(emptied).toEqual([large]);
    expect(pool.stats()).toMatchObject({ bytesCached: 8 * MiB + 128, bytesEmptied: 8 * MiB });
    two.forEach((buffer) => pool.release(buffer));
    // Handed out again it takes the memory of both.
    expect(pool.acquire(8 * MiB)).toBe(large);
    expect(emptied).toEqual([large, two[1], two[0]]);
    const { peakBytesInUse, peakResidentBytes, bytesEmptied } = pool.stats();
    expect(bytesEmptied).toBe(4 * MiB);
    expect(peakResidentBytes).toBe(peakBytesInUse);
  });

  it('gives the memory of what it keeps back at once when it is trimmed', () => {
    const emptied: ArrayBuffer[] = [];
    const pool = new BufferPool((bytes) => new ArrayBuffer(bytes), { empty: (buffer) => void emptied.push(buffer) });
    const [large, small, used] = [pool.acquire(2 ** 21), pool.acquire(100), pool.acquire(2 ** 21)];
    [large, small].forEach((buffer) => pool.release(buffer));
    pool.trim();
    expect(emptied).toEqual([large]);
    pool.release(used);
  });

  it('drops what it keeps when sizes change for good, instead of growing without bound', () => {
    const pool = new BufferPool((bytes) => new ArrayBuffer(bytes), { minimumCache: 0 });
    for (let bytes = 1000; bytes < 2e6; bytes = Math.ceil(bytes * 1.2)) pool.release(pool.acquire(bytes));
    const { bytesCached, peakBytesInUse } = pool.stats();
    expect(bytesCached).toBeLessThanOrEqual(2 * peakBytesInUse);
  });
});
