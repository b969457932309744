import { RandomStream } from '@scmoe/tensor';

import { madMapStream } from '../../streams.js';
import { expectOption, expectWhole } from './checkOptions.js';
import { ignoredTarget, type MadTask, type MadTaskOptions } from './MadTask.js';

/**
 * Memorization: keys and markers (id vocabSize - 1) in turn; at a marker the value of the key before it is asked for. The
 * map from keys (the lower half of the other ids) to values (the upper half, each used once at most) is the same in all
 * samples of a seed, so that nothing in the context says it.
 *
 * @throws UserError naming the option, what was expected and what came.
 */
export function memorization({
  vocabSize = 256,
  sequenceLength = 32,
  numTrainingSamples = 256,
}: MadTaskOptions = {}): MadTask {
  expectWhole('vocabSize', vocabSize, { minimum: 3, because: 'a key, a value and the marker' });
  const isEven = Number.isSafeInteger(sequenceLength) && sequenceLength >= 2 && sequenceLength % 2 === 0;
  expectOption(isEven, 'sequenceLength', 'an even number of at least 2 (keys and markers)', sequenceLength);
  expectWhole('numTrainingSamples', numTrainingSamples);
  const marker = vocabSize - 1;
  return {
    name: 'memorization',
    vocabSize,
    inputLength: sequenceLength,
    numTrainingSamples,
    sampler: (seed) => {
      const values = valuesOfKeys(seed, marker);
      return (random) => {
        const ids = new Int32Array(sequenceLength).fill(marker);
        const targets = new Int32Array(sequenceLength).fill(ignoredTarget);
        for (let i = 0; i < sequenceLength; i += 2) {
          const key = random.int(values.length);
          ids[i] = key;
          targets[i + 1] = values[key]!;
        }
        return { ids, targets };
      };
    },
  };
}

/** The value of each key: the first of the upper half of `numIds` ids in random order. */
function valuesOfKeys(seed: number, numIds: number): Int32Array {
  const numKeys = Math.floor(numIds / 2);
  const values = Int32Array.from({ length: numIds - numKeys }, (_, i) => numKeys + i);
  return new RandomStream({ seed, stream: madMapStream }).shuffle(values).subarray(0, numKeys);
}
