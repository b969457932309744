import {
  compression,
  ignoredTarget,
  madSamples,
  type MadSplit,
  type MadTask,
  memorization,
  selectiveCopying,
} from '../../index.js';

const samples = (task: MadTask, { seed = 5, split = 'train' }: { seed?: number; split?: MadSplit } = {}) =>
  madSamples(task, { split, seed, count: 200 });

describe('selective copying', () => {
  const task = selectiveCopying();
  const [blank, marker] = [14, 15];

  it('asks for the content, in order, at the blanks after the marker', () => {
    for (const split of ['train', 'test'] as const) {
      for (const { ids, targets } of samples(task, { split })) {
        expect([ids.length, targets.length]).toEqual([256, 256]);
        const place = ids.indexOf(marker);
        expect(place).toBe(256 - 16 - 1);
        expect(ids.lastIndexOf(marker)).toBe(place);
        expect([...ids.slice(place + 1)]).toEqual(new Array(16).fill(blank));
        const content = [...ids.slice(0, place)].filter((id) => id !== blank);
        expect(content).toHaveLength(16);
        expect([...targets.slice(0, place + 1)]).toEqual(new Array(place + 1).fill(ignoredTarget));
        expect([...targets.slice(place + 1)]).toEqual(content);
      }
    }
  });

  it('spreads the content over the sequence and uses all ids', () => {
    const firsts = samples(task).map(({ ids }) => ids.findIndex((id) => id !== blank));
    expect(Math.min(...firsts)).toBeLessThan(7);
    expect(Math.max(...firsts)).toBeGreaterThan(20);
    const used = new Set(samples(task).flatMap(({ ids }) => [...ids]));
    expect(used.size).toBe(16);
  });

  it.each<[object, string]>([
    [{ vocabSize: 2 }, 'vocabSize: expected a whole number of at least 3 (content, blank and marker), got 2.'],
    [
      { sequenceLength: 33 },
      'sequenceLength: expected a whole number of at least 34 (16 tokens twice, the marker and a blank), got 33.',
    ],
    [{ numTokensToCopy: 0 }, 'numTokensToCopy: expected a whole number of at least 1, got 0.'],
    [{ numTrainingSamples: -1 }, 'numTrainingSamples: expected a whole number of at least 1, got -1.'],
  ])('refuses %o', (options, message) => {
    expect(() => selectiveCopying(options)).toThrow(message);
  });
});

describe('compression', () => {
  it('asks for random tokens and the marker behind them, each at its place', () => {
    const used = new Set<number>();
    for (const { ids, targets } of samples(compression())) {
      expect(ids).toHaveLength(32);
      expect(ids.indexOf(15)).toBe(31);
      expect([...targets]).toEqual([...ids]);
      ids.forEach((id) => used.add(id));
    }
    expect(used.size).toBe(16);
  });

  it.each<[object, string]>([
    [{ vocabSize: 1 }, 'vocabSize: expected a whole number of at least 2 (content and marker), got 1.'],
    [{ sequenceLength: 1 }, 'sequenceLength: expected a whole number of at least 2 (a token and the marker), got 1.'],
    [{ numTrainingSamples: 0.5 }, 'numTrainingSamples: expected a whole number of at least 1, got 0.5.'],
  ])('refuses %o', (options, message) => {
    expect(() => compression(options)).toThrow(message);
  });
});

describe('memorization', () => {
  const task = memorization();

  /** The value of each key in all samples; -1 where one has two. */
  function mapOf(seed: number, split: 'train' | 'test') {
    const valueOf = new Map<number, number>();
    for (const { ids, targets } of samples(task, { seed, split })) {
      for (let i = 0; i < 32; i += 2) {
        const value = targets[i + 1]!;
        expect(valueOf.get(ids[i]!) ?? value).toBe(value);
        valueOf.set(ids[i]!, value);
      }
    }
    return valueOf;
  }

  it('has keys and markers in turn, and asks at the markers', () => {
    for (const { ids, targets } of samples(task)) {
      expect(ids).toHaveLength(32);
      for (let i = 0; i < 32; i += 2) {
        expect(ids[i]).toBeLessThan(127);
        expect(ids[i + 1]).toBe(255);
        expect(targets[i]).toBe(ignoredTarget);
      }
    }
  });

  it('maps each key to a value of its own, the same in training and test, another for another seed', () => {
    const train = mapOf(5, 'train');
    expect(train.size).toBe(127);
    expect(new Set(train.values()).size).toBe(127);
    expect(Math.min(...train.values())).toBeGreaterThanOrEqual(127);
    expect(Math.max(...train.values())).toBeLessThan(255);
    const test = mapOf(5, 'test');
    for (const [key, value] of test) expect(train.get(key)).toBe(value);
    const other = mapOf(6, 'train');
    expect([...train].filter(([key, value]) => other.get(key) === value).length).toBeLessThan(10);
  });

  it.each<[object, string]>([
    [{ vocabSize: 2 }, 'vocabSize: expected a whole number of at least 3 (a key, a value and the marker), got 2.'],
    [{ sequenceLength: 31 }, 'sequenceLength: expected an even number of at least 2 (keys and markers), got 31.'],
    [{ numTrainingSamples: 0 }, 'numTrainingSamples: expected a whole number of at least 1, got 0.'],
  ])('refuses %o', (options, message) => {
    expect(() => memorization(options)).toThrow(message);
  });
});
