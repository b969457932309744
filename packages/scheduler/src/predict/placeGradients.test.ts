import { idleTimes, placeGradients } from './placeGradients.js';

describe('parts of the averaging of gradients', () => {
  const rate = { alphaMs: 0, msPerByte: 1 };

  it('fill what is idle in the stages behind, and leave the last stage at the end', () => {
    const idle = [
      { startMs: 0, endMs: 3 },
      { startMs: 5, endMs: 8 },
    ];
    // 6 ms of a stage fit into 3 + 3, in two parts and not in one.
    expect(placeGradients(idle, { stages: 4, bytes: 6, call: rate })).toEqual({
      parts: 2,
      partBytes: 3,
      exposedMs: 6,
      tailMs: 24,
    });
    expect(placeGradients(idle, { stages: 4, bytes: 6, call: rate, maxParts: 1 }).exposedMs).toBe(24);
    // 8 ms do not: 2 of each stage but the last are left as well.
    expect(placeGradients(idle, { stages: 4, bytes: 8, call: rate, maxParts: 8 }).exposedMs).toBe(8 + 3 * 2);
  });

  it('are as few as latency makes them', () => {
    const idle = [{ startMs: 0, endMs: 100 }];
    const { parts, exposedMs, tailMs } = placeGradients(idle, {
      stages: 3,
      bytes: 6,
      call: { alphaMs: 2, msPerByte: 1 },
    });
    expect([parts, exposedMs, tailMs]).toEqual([1, 8, 20]);
  });

  it('never make a step wait longer than all of it at the end, on a grid', () => {
    for (const bytes of [1, 7, 40])
      for (const lengths of [[], [1], [2, 5], [0.5, 0.5, 9]])
        for (const alphaMs of [0, 0.3]) {
          let start = 0;
          const idle = lengths.map((length) => ({ startMs: (start += 1), endMs: (start += length) }));
          const { exposedMs, tailMs } = placeGradients(idle, { stages: 5, bytes, call: { alphaMs, msPerByte: 1 } });
          expect(exposedMs).toBeLessThanOrEqual(tailMs + 1e-9);
          expect(exposedMs).toBeGreaterThanOrEqual(bytes);
        }
  });

  it('go where nothing else travels', () => {
    const busy = [
      { startMs: 4, endMs: 6 },
      { startMs: 1, endMs: 2 },
      { startMs: 5, endMs: 7 },
    ];
    expect(idleTimes(busy, 9)).toEqual([
      { startMs: 0, endMs: 1 },
      { startMs: 2, endMs: 4 },
      { startMs: 7, endMs: 9 },
    ]);
    expect(idleTimes([], 2)).toEqual([{ startMs: 0, endMs: 2 }]);
    expect(idleTimes([{ startMs: 0, endMs: 3 }], 3)).toEqual([]);
  });
});
