import {
  fuzzyInContextRecall,
  ignoredTarget,
  inContextRecall,
  type MadSample,
  madSamples,
  type MadSplit,
  type MadTask,
  noisyInContextRecall,
} from '../../index.js';

const samples = (task: MadTask, split: MadSplit, count = 60) => madSamples(task, { split, seed: 5, count });

/** The whole sequence: ids, and the last target. */
const sequenceOf = ({ ids, targets }: MadSample) => [...ids, targets.at(-1)!];

/** The pairs of a recall sample, each with what a test asks for at its value. */
function pairsOf(sample: MadSample): { key: number; value: number; asked: number; askedAtKey: number }[] {
  const sequence = sequenceOf(sample);
  return Array.from({ length: sequence.length / 2 }, (_, i) => ({
    key: sequence[2 * i]!,
    value: sequence[2 * i + 1]!,
    asked: sample.targets[2 * i]!,
    askedAtKey: i === 0 ? ignoredTarget : sample.targets[2 * i - 1]!,
  }));
}

describe.each([
  ['in-context recall', inContextRecall(), 8],
  ['noisy in-context recall', noisyInContextRecall(), 8],
])('%s', (_, task, numKeys) => {
  it('reads all tokens but the last: 127 of 128', () => {
    expect(task.inputLength).toBe(127);
    for (const { ids, targets } of samples(task, 'train', 5)) expect([ids.length, targets.length]).toEqual([127, 127]);
  });

  it('trains on every next token', () => {
    for (const { ids, targets } of samples(task, 'train')) expect([...targets.slice(0, -1)]).toEqual([...ids.slice(1)]);
  });

  it('asks in a test for the value of every repeated key and for nothing else', () => {
    for (const sample of samples(task, 'test')) {
      const valueOf = new Map<number, number>();
      const expected = pairsOf(sample).map(({ key, value }) => {
        const known = valueOf.get(key);
        if (key < numKeys) valueOf.set(key, value);
        return [ignoredTarget, known ?? ignoredTarget];
      });
      expect(pairsOf(sample).map(({ asked, askedAtKey }) => [askedAtKey, asked])).toEqual(expected);
    }
  });

  it('repeats with a key the value of its first occurrence, and a known key at the end', () => {
    for (const split of ['train', 'test'] as const) {
      for (const sample of samples(task, split)) {
        const valueOf = new Map<number, number>();
        const pairs = pairsOf(sample).filter(({ key }) => key < numKeys);
        for (const { key, value } of pairs.slice(0, -1)) {
          expect(value).toBe(valueOf.get(key) ?? value);
          valueOf.set(key, value);
        }
        const last = pairsOf(sample).at(-1)!;
        expect(valueOf.get(last.key)).toBe(last.value);
      }
    }
  });

  it('has keys, values and noise in parts of the vocabulary of their own', () => {
    const ids = new Set(samples(task, 'train').flatMap((sample) => pairsOf(sample).map(({ key }) => key)));
    const values = new Set(
      samples(task, 'train').flatMap((sample) =>
        pairsOf(sample)
          .filter(({ key }) => key < numKeys)
          .map(({ value }) => value),
      ),
    );
    const noise = Array.from({ length: task.vocabSize - 16 }, (_, i) => 16 + i);
    const sorted = (set: Set<number>) => [...set].sort((a, b) => a - b);
    expect(sorted(ids)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, ...noise]);
    expect(sorted(values)).toEqual([8, 9, 10, 11, 12, 13, 14, 15]);
  });
});

describe('noisy in-context recall', () => {
  it.each([0.2, 0.8])('replaces a share of %d of the pairs by noise, never all and never the last', (noiseShare) => {
    const noisy = samples(noisyInContextRecall({ noiseShare }), 'test', 500).map((sample) => {
      const isNoise = pairsOf(sample).map(({ key }) => key >= 16);
      expect(pairsOf(sample).map(({ value }) => value >= 16)).toEqual(isNoise);
      expect(isNoise.at(-1)).toBe(false);
      return isNoise.slice(0, -1).filter(Boolean).length;
    });
    expect(Math.max(...noisy)).toBeLessThan(63);
    // 500 * 62 draws: the share's deviation is at most 0.003.
    expect(noisy.reduce((sum, n) => sum + n, 0) / (500 * 62)).toBeCloseTo(noiseShare, 1);
  });

  it('keeps one pair however likely noise is', () => {
    for (const sample of samples(noisyInContextRecall({ noiseShare: 0.999, sequenceLength: 16 }), 'test')) {
      const known = pairsOf(sample).filter(({ key }) => key < 8);
      expect(known.length).toBeGreaterThanOrEqual(2);
    }
  });
});

describe('fuzzy in-context recall', () => {
  const task = fuzzyInContextRecall();
  const padding = 15;
  const isKey = (id: number) => id < 7;

  /** Cuts a sequence into padding and pairs: keys are below 7, values from 7 to 14. */
  function parse(sample: MadSample) {
    const sequence = sequenceOf(sample);
    const numPadding = sequence.findIndex((id) => id !== padding);
    const pairs: { key: number[]; value: number[]; end: number }[] = [];
    for (let i = numPadding; i < sequence.length;) {
      const key: number[] = [];
      const value: number[] = [];
      while (i < sequence.length && isKey(sequence[i]!)) key.push(sequence[i++]!);
      while (i < sequence.length && !isKey(sequence[i]!)) value.push(sequence[i++]!);
      pairs.push({ key, value, end: i });
    }
    return { numPadding, pairs, sequence };
  }

  it('is padded on the left to a length of 128, and nowhere else', () => {
    expect(task.inputLength).toBe(128);
    for (const split of ['train', 'test'] as const) {
      for (const sample of samples(task, split)) {
        const { numPadding, sequence } = parse(sample);
        expect(sequence).toHaveLength(129);
        expect(sequence.lastIndexOf(padding)).toBe(numPadding - 1);
        // The loop ends with room for one more pair at most.
        expect(numPadding).toBeLessThanOrEqual(8);
      }
    }
  });

  it('makes motifs of one to three different tokens, keys of three in a test', () => {
    const sizes = { train: new Set<number>(), test: new Set<number>() };
    const valueSizes = new Set<number>();
    for (const split of ['train', 'test'] as const) {
      for (const sample of samples(task, split)) {
        for (const { key, value } of parse(sample).pairs) {
          expect(new Set(key).size).toBe(key.length);
          expect(new Set(value).size).toBe(value.length);
          sizes[split].add(key.length);
          valueSizes.add(value.length);
        }
      }
    }
    expect([...sizes.train].sort()).toEqual([1, 2, 3]);
    expect([...sizes.test]).toEqual([3]);
    expect([...valueSizes].sort()).toEqual([1, 2, 3]);
  });

  it('asks in a test for the value of every repeated key, the last one among them', () => {
    for (const sample of samples(task, 'test')) {
      const { pairs, sequence } = parse(sample);
      const expected = new Array<number>(sequence.length).fill(ignoredTarget);
      const valueOf = new Map<string, number[]>();
      for (const { key, value, end } of pairs) {
        const known = valueOf.get(key.join());
        if (known) {
          expect(value).toEqual(known);
          known.forEach((id, i) => (expected[end - known.length + i] = id));
        }
        valueOf.set(key.join(), value);
      }
      expect([...sample.targets]).toEqual(expected.slice(1));
      expect(sample.targets.at(-1)).not.toBe(ignoredTarget);
    }
  });

  it('has seen the last key before, also where the sequence is as short as can be', () => {
    for (const split of ['train', 'test'] as const) {
      for (const sequenceLength of [13, 20, 128]) {
        for (const sample of samples(fuzzyInContextRecall({ sequenceLength }), split)) {
          const { pairs } = parse(sample);
          const { key, value } = pairs.at(-1)!;
          const first = pairs.find((pair) => pair.key.join() === key.join())!;
          expect(first).not.toBe(pairs.at(-1));
          expect(first.value).toEqual(value);
        }
      }
    }
  });

  it('puts the pair that is asked for at any place', () => {
    const places = samples(task, 'test', 500).map((sample) => {
      const { pairs } = parse(sample);
      return pairs.findIndex(({ key }) => key.join() === pairs.at(-1)!.key.join()) / pairs.length;
    });
    for (const quarter of [0, 0.25, 0.5, 0.75])
      expect(places.filter((place) => place >= quarter && place < quarter + 0.25).length).toBeGreaterThan(60);
  });

  it('trains on every next token, padding included', () => {
    for (const { ids, targets } of samples(task, 'train', 20))
      expect([...targets.slice(0, -1)]).toEqual([...ids.slice(1)]);
  });
});

describe('a recall task refuses', () => {
  it.each<[string, () => MadTask, string]>([
    [
      'an odd length',
      () => inContextRecall({ sequenceLength: 127 }),
      'sequenceLength: expected an even number of at least 4 (pairs of a key and a value), got 127.',
    ],
    ['a single pair', () => inContextRecall({ sequenceLength: 2 }), 'got 2.'],
    [
      'a single id',
      () => inContextRecall({ vocabSize: 1 }),
      'vocabSize: expected a whole number of at least 2, got 1.',
    ],
    [
      'no samples',
      () => inContextRecall({ numTrainingSamples: 0 }),
      'numTrainingSamples: expected a whole number of at least 1, got 0.',
    ],
    [
      'a vocabulary of noise',
      () => noisyInContextRecall({ vocabSize: 16 }),
      'vocabSize: expected a whole number of at least 18 (a key and a value, and the noise), got 16.',
    ],
    [
      'nothing but noise',
      () => noisyInContextRecall({ noiseShare: 1 }),
      'noiseShare: expected a share in [0, 1), got 1.',
    ],
    [
      'noise without a vocabulary',
      () => noisyInContextRecall({ noiseVocabSize: 0 }),
      'noiseVocabSize: expected at least 1 for noiseShare 0.2, got 0.',
    ],
    [
      'a negative number of noise tokens',
      () => noisyInContextRecall({ noiseVocabSize: -1 }),
      'noiseVocabSize: expected a whole number of at least 0, got -1.',
    ],
    [
      'motifs that the vocabulary cannot make',
      () => fuzzyInContextRecall({ vocabSize: 6 }),
      'vocabSize: expected a whole number of at least 7 (padding, keys of 3 and values of 3 different tokens), got 6.',
    ],
    [
      'a sequence without room for two pairs',
      () => fuzzyInContextRecall({ sequenceLength: 12 }),
      'sequenceLength: expected a whole number of at least 13 (two pairs of the full length, and more), got 12.',
    ],
    [
      'empty keys',
      () => fuzzyInContextRecall({ keyMotifSize: 0 }),
      'keyMotifSize: expected a whole number of at least 1, got 0.',
    ],
    ['half a value', () => fuzzyInContextRecall({ valueMotifSize: 1.5 }), 'valueMotifSize: expected a whole number'],
  ])('%s', (_, create, message) => {
    expect(create).toThrow(message);
  });
});
