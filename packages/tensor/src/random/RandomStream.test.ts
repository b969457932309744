import { RandomStream, philox4x32 } from '../index.js';

describe('RandomStream', () => {
  it('walks the Philox sequence word by word', () => {
    const stream = new RandomStream({ seed: 1, stream: 2 });
    const words = Array.from({ length: 2000 }, () => stream.word());
    const expected = Array.from({ length: 500 }, (_, block) => Array.from(philox4x32(1, 2, block))).flat();
    expect(words).toEqual(expected);
  });

  it('continues exactly from its state', () => {
    const stream = new RandomStream({ seed: 1 });
    for (let i = 0; i < 300; i++) stream.uniform();
    const copy = new RandomStream(stream.state());
    expect(Array.from({ length: 300 }, () => copy.uniform())).toEqual(
      Array.from({ length: 300 }, () => stream.uniform()),
    );
  });

  it('draws uniform numbers in [0, 1)', () => {
    const stream = new RandomStream({ seed: 2 });
    const values = Array.from({ length: 100_000 }, () => stream.uniform());
    expect(values.every((value) => value >= 0 && value < 1)).toBe(true);
    const mean = values.reduce((sum, value) => sum + value) / values.length;
    expect(Math.abs(mean - 0.5)).toBeLessThan(5 * Math.sqrt(1 / 12 / 1e5));
  });

  it.each([1, 2, 3, 7, 10])('draws whole numbers below %d equally often', (n) => {
    const stream = new RandomStream({ seed: 3 });
    const counts = new Array<number>(n).fill(0);
    const draws = 30_000;
    for (let i = 0; i < draws; i++) counts[stream.int(n)]!++;
    const deviation = Math.sqrt((draws / n) * (1 - 1 / n));
    for (const count of counts) expect(Math.abs(count - draws / n)).toBeLessThanOrEqual(5 * deviation);
  });

  it('is not biased where n does not divide 2^32: the lower half comes up half of the time', () => {
    // Plain `word % n` would give the lower half of 3 * 2^30 two thirds of the time.
    const stream = new RandomStream({ seed: 4 });
    const n = 3 * 2 ** 30;
    let low = 0;
    for (let i = 0; i < 10_000; i++) if (stream.int(n) < n / 2) low++;
    expect(Math.abs(low - 5000)).toBeLessThan(250);
  });

  it('draws beyond 2^32', () => {
    const stream = new RandomStream({ seed: 5 });
    const values = Array.from({ length: 100 }, () => stream.int(2 ** 50));
    expect(Math.max(...values)).toBeGreaterThan(2 ** 45);
    expect(values.every((value) => value < 2 ** 50)).toBe(true);
  });

  it('shuffles in place, every order equally often', () => {
    const stream = new RandomStream({ seed: 6 });
    const orders = new Map<string, number>();
    for (let i = 0; i < 6000; i++) {
      const order = stream.shuffle([1, 2, 3]).join('');
      orders.set(order, (orders.get(order) ?? 0) + 1);
    }
    expect(orders.size).toBe(6);
    for (const count of orders.values()) expect(Math.abs(count - 1000)).toBeLessThan(5 * Math.sqrt(1000));

    const indices = Uint32Array.of(4, 5, 6);
    expect(stream.shuffle(indices)).toBe(indices);
    expect(Array.from(indices).sort()).toEqual([4, 5, 6]);
  });

  it('forks into streams that depend on the id and not on what was drawn', () => {
    const stream = new RandomStream({ seed: 7, stream: 1 });
    const early = stream.fork(1).word();
    stream.word();
    expect(stream.fork(1).word()).toBe(early);
    const words = [
      stream.fork(2),
      new RandomStream({ seed: 7 }).fork(1),
      new RandomStream({ seed: 8, stream: 1 }).fork(1),
    ];
    for (const other of words) expect(other.word()).not.toBe(early);
  });

  it('rejects what is no whole number', () => {
    const stream = new RandomStream({ seed: 9 });
    expect(() => stream.int(0)).toThrow('n: expected a positive integer, got 0');
    expect(() => stream.fork(0.5)).toThrow('id: expected a whole number');
    expect(() => new RandomStream({ seed: 1.5 })).toThrow('seed: expected an integer >= 0');
  });
});
