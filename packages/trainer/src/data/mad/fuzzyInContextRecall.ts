import type { RandomStream } from '@scmoe/tensor';

import { expectWhole } from './checkOptions.js';
import type { MadSample, MadSplit, MadTask, MadTaskOptions } from './MadTask.js';
import { ignored, shifted } from './shifted.js';

export interface FuzzyRecallOptions extends MadTaskOptions {
  /** Most tokens of a key. */
  keyMotifSize?: number;
  /** Most tokens of a value. */
  valueMotifSize?: number;
}

/**
 * In-context recall whose keys and values are motifs of one to three tokens, without repetition inside a motif. In a test
 * keys always have their full length. The last id of the vocabulary pads on the left; the lower half of the others makes
 * keys, the upper half values. One pair is put at a random place and asked for at the end.
 *
 * @throws UserError naming the option, what was expected and what came.
 */
export function fuzzyInContextRecall({
  vocabSize = 16,
  sequenceLength = 128,
  numTrainingSamples = 12_800,
  keyMotifSize = 3,
  valueMotifSize = 3,
}: FuzzyRecallOptions = {}): MadTask {
  expectWhole('keyMotifSize', keyMotifSize);
  expectWhole('valueMotifSize', valueMotifSize);
  // Half of the ids without padding, rounded down, are keys: the fewest ids with which both kinds of motif can be made.
  const minimum = 1 + Math.max(2 * keyMotifSize, 2 * valueMotifSize - 1);
  const because = `padding, keys of ${keyMotifSize} and values of ${valueMotifSize} different tokens`;
  expectWhole('vocabSize', vocabSize, { minimum, because });
  expectWhole('sequenceLength', sequenceLength, {
    minimum: 2 * (keyMotifSize + valueMotifSize) + 1,
    because: 'two pairs of the full length, and more',
  });
  expectWhole('numTrainingSamples', numTrainingSamples);
  const options = { vocabSize, sequenceLength, numTrainingSamples, keyMotifSize, valueMotifSize };
  return {
    name: 'fuzzy-in-context-recall',
    vocabSize,
    inputLength: sequenceLength,
    numTrainingSamples,
    sampler: () => (random, split) => fuzzySample(random, split, options),
  };
}

function fuzzySample(
  random: RandomStream,
  split: MadSplit,
  { vocabSize, sequenceLength, keyMotifSize, valueMotifSize }: Required<FuzzyRecallOptions>,
): MadSample {
  const padding = vocabSize - 1;
  const firstValue = Math.floor(padding / 2);
  const drawKey = () => {
    const size = split === 'train' ? 1 + random.int(keyMotifSize) : keyMotifSize;
    return motif(random, size, { first: 0, count: firstValue });
  };
  const drawValue = () =>
    motif(random, 1 + random.int(valueMotifSize), { first: firstValue, count: padding - firstValue });

  const probe = { key: drawKey(), value: drawValue() };
  const probeSize = probe.key.length + probe.value.length;
  const valueOf = new Map([[probe.key.join(), probe.value]]);
  const seen = new Set<string>();
  const sequence: number[] = [];
  const asked: number[] = [];
  const add = ({ key, value }: { key: number[]; value: number[] }) => {
    const name = key.join();
    sequence.push(...key, ...value);
    asked.push(...ignored(key.length), ...(seen.has(name) ? value : ignored(value.length)));
    seen.add(name);
  };

  // A pair that begins before this end leaves room for the one that is asked for.
  const end = sequenceLength - probeSize - (keyMotifSize + valueMotifSize);
  const place = random.int(end);
  const isProbeSeen = () => seen.has(probe.key.join());
  do {
    const key = drawKey();
    const value = valueOf.get(key.join()) ?? drawValue();
    const isLastChance = sequence.length + key.length + value.length >= end;
    if (!isProbeSeen() && (sequence.length >= place || isLastChance)) {
      add(probe);
      continue;
    }
    valueOf.set(key.join(), value);
    add({ key, value });
  } while (sequence.length < end);
  add(probe);

  const missing = sequenceLength + 1 - sequence.length;
  const padded = [...new Array<number>(missing).fill(padding), ...sequence];
  return shifted(padded, [...ignored(missing), ...asked], split);
}

/** `size` different ids out of `count` from `first`; every order is equally likely. */
function motif(random: RandomStream, size: number, { first, count }: { first: number; count: number }): number[] {
  const chosen: number[] = [];
  while (chosen.length < size) {
    const id = first + random.int(count);
    if (!chosen.includes(id)) chosen.push(id);
  }
  return chosen;
}
