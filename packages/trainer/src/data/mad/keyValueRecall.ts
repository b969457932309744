import type { RandomStream } from '@scmoe/tensor';

import { expectOption, expectWhole } from './checkOptions.js';
import { ignoredTarget, type MadSample, type MadSplit, type MadTask, type MadTaskName } from './MadTask.js';
import type { NoisyRecallOptions } from './NoisyRecallOptions.js';
import { shifted } from './shifted.js';

/** Recall of single-token values by single-token keys, with noise between the pairs or without: two of the tasks. */
export function keyValueRecall(name: MadTaskName, options: Required<NoisyRecallOptions>): MadTask {
  checkRecall(options);
  const { vocabSize, sequenceLength, numTrainingSamples } = options;
  return {
    name,
    vocabSize,
    inputLength: sequenceLength - 1,
    numTrainingSamples,
    sampler: () => (random, split) => recallSample(random, split, options),
  };
}

function checkRecall({
  vocabSize,
  sequenceLength,
  numTrainingSamples,
  noiseVocabSize,
  noiseShare,
}: Required<NoisyRecallOptions>): void {
  expectWhole('noiseVocabSize', noiseVocabSize, { minimum: 0 });
  const because = 'a key and a value, and the noise';
  expectWhole('vocabSize', vocabSize, { minimum: 2 + noiseVocabSize, because: noiseVocabSize > 0 ? because : '' });
  const isEven = Number.isSafeInteger(sequenceLength) && sequenceLength >= 4 && sequenceLength % 2 === 0;
  expectOption(isEven, 'sequenceLength', 'an even number of at least 4 (pairs of a key and a value)', sequenceLength);
  expectWhole('numTrainingSamples', numTrainingSamples);
  expectOption(noiseShare >= 0 && noiseShare < 1, 'noiseShare', 'a share in [0, 1)', noiseShare);
  const canBeNoisy = noiseShare === 0 || noiseVocabSize > 0;
  expectOption(canBeNoisy, 'noiseVocabSize', `at least 1 for noiseShare ${noiseShare}`, noiseVocabSize);
}

function recallSample(
  random: RandomStream,
  split: MadSplit,
  { vocabSize, sequenceLength, noiseVocabSize, noiseShare }: Required<NoisyRecallOptions>,
): MadSample {
  const numPairs = sequenceLength / 2;
  const firstNoise = vocabSize - noiseVocabSize;
  const firstValue = Math.floor(firstNoise / 2);
  const noise = () => firstNoise + random.int(noiseVocabSize);

  const valueOf = new Map<number, number>();
  const sequence: number[] = [];
  const asked: number[] = [];
  // Without a pair that is no noise there would be nothing for the last one to repeat.
  const neverNoise = random.int(numPairs - 1);
  for (let pair = 0; pair < numPairs - 1; pair++) {
    if (pair !== neverNoise && noiseShare > 0 && random.uniform() < noiseShare) {
      sequence.push(noise(), noise());
      asked.push(ignoredTarget, ignoredTarget);
      continue;
    }
    const key = random.int(firstValue);
    const seen = valueOf.get(key);
    const value = seen ?? firstValue + random.int(firstNoise - firstValue);
    valueOf.set(key, value);
    sequence.push(key, value);
    asked.push(ignoredTarget, seen ?? ignoredTarget);
  }
  const keys = [...valueOf.keys()];
  const probe = keys[random.int(keys.length)]!;
  sequence.push(probe, valueOf.get(probe)!);
  asked.push(ignoredTarget, valueOf.get(probe)!);
  return shifted(sequence, asked, split);
}
