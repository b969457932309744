import { fitCall, rankSchedules, type LayerBytes, type ScheduleCalls } from './chooseSchedule.js';

const mib = 2 ** 20;
const call = (alphaMs: number, gbs: number) => ({ alphaMs, msPerByte: 1 / (gbs * 1e6) });

describe('the schedule of a layer by measured collectives', () => {
  const layer: LayerBytes = { tokens: 4 * mib, rows: 8 * mib, weights: mib / 64, counts: 32 };

  it('adds up the calls that the layer makes', () => {
    const calls: ScheduleCalls = { experts: call(1, 2), peers: call(2, 4), sum: call(3, 8), gather: call(5, 16) };
    const ranked = rankSchedules(layer, { tensorParallel: 2, expertShards: 2 }, calls);
    const at = (schedule: string) => ranked.find((one) => one.schedule === schedule)!.ms;
    const ms = (bytes: number, gbs: number) => bytes / (gbs * 1e6);
    expect(at('base')).toBeCloseTo(5 * 2 + 3 * 3 + ms(32 + 32 * mib, 4) + ms(8 * mib + mib / 64, 8), 9);
    expect(at('s1')).toBeCloseTo(5 * 1 + 3 * 5 + ms(64 + 32 * mib, 2) + ms(4 * mib + mib / 128, 16), 9);
    expect(at('s2')).toBeCloseTo(5 * 1 + 2 * 5 + ms(64 + 32 * mib, 2) + ms(8 * mib, 16), 9);
    expect(ranked.map(({ ms: time }) => time)).toEqual(ranked.map(({ ms: time }) => time).toSorted((a, b) => a - b));
  });

  it('counts gathers in pieces where they were measured', () => {
    const calls: ScheduleCalls = { experts: call(1, 2), sum: call(3, 8), gather: call(5, 16) };
    const of = (fused?: ScheduleCalls['fused']) =>
      rankSchedules(layer, { tensorParallel: 2, expertShards: 2 }, { ...calls, ...(fused && { fused }) });
    expect(of().map(({ schedule }) => schedule)).not.toContain('s2-fused');
    const [best] = of(call(2, 3));
    const ms = (bytes: number, gbs: number) => bytes / (gbs * 1e6);
    expect(best!.schedule).toBe('s2-fused');
    expect(best!.ms).toBeCloseTo(3 * 1 + 2 * 2 + ms(64 + 16 * mib, 2) + ms(16 * mib, 3), 9);
  });

  it('is another one where links, sizes and capacities are others', () => {
    const best = (calls: ScheduleCalls, change: Partial<LayerBytes> = {}, expertShards = 2) =>
      rankSchedules({ ...layer, ...change }, { tensorParallel: 2, expertShards }, calls)[0]!.schedule;
    const even = { experts: call(0.1, 1), peers: call(0.1, 1), sum: call(0.1, 1), gather: call(0.1, 1) };
    expect(best(even)).toBe('s1');
    // Few tokens: each call costs its latency, and s2 has the fewest.
    expect(best(even, { tokens: 64, rows: 128, weights: 8 })).toBe('s2');
    // With a capacity of half the choices there are no more rows than tokens, and no counts travel.
    expect(best(even, { slots: 4 * mib, rows: 4 * mib })).toBe('s2');
    expect(best({ ...even, sum: call(0.01, 100), peers: call(0.05, 4) })).toBe('base');
    // Whole experts have no base.
    expect(best({ ...even, sum: call(0.01, 100), peers: call(0.05, 4) }, {}, 1)).not.toBe('base');
  });

  it('knows latency and rate from calls of some sizes, and takes no noise for speed', () => {
    const fitted = fitCall([1e3, 1e5, 1e6].map((bytes) => ({ bytes, ms: 0.2 + bytes * 1e-6 })));
    expect(fitted.alphaMs).toBeCloseTo(0.2, 9);
    expect(fitted.msPerByte).toBeCloseTo(1e-6, 12);
    expect(
      fitCall([
        { bytes: 1, ms: 2 },
        { bytes: 1e6, ms: 1 },
      ]).msPerByte,
    ).toBe(0);
    expect(
      fitCall([
        { bytes: 100, ms: 1 },
        { bytes: 300, ms: 9 },
      ]).alphaMs,
    ).toBe(0);
    expect(() => fitCall([{ bytes: 1, ms: 1 }])).toThrow('fitCall: expected calls of at least two sizes');
    expect(() =>
      fitCall([
        { bytes: 1, ms: 0 },
        { bytes: 2, ms: 1 },
      ]),
    ).toThrow('ms: expected a time above zero, got 0');
  });
});
