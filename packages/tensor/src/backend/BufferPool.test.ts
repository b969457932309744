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

  it('drops what it keeps when sizes change for good, instead of growing without bound', () => {
    const pool = new BufferPool((bytes) => new ArrayBuffer(bytes), { minimumCache: 0 });
    for (let bytes = 1000; bytes < 2e6; bytes = Math.ceil(bytes * 1.2)) pool.release(pool.acquire(bytes));
    const { bytesCached, peakBytesInUse } = pool.stats();
    expect(bytesCached).toBeLessThanOrEqual(2 * peakBytesInUse);
  });
});
