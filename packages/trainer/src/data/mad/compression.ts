import { expectWhole } from './checkOptions.js';
import type { MadTask, MadTaskOptions } from './MadTask.js';

/**
 * Compression: random tokens and a marker (id vocabSize - 1). Every token, the marker included, is to be decoded from the
 * state of the last position alone; the decoder is the model's. Training and test ask for the same.
 *
 * @throws UserError naming the option, what was expected and what came.
 */
export function compression({
  vocabSize = 16,
  sequenceLength = 32,
  numTrainingSamples = 12_800,
}: MadTaskOptions = {}): MadTask {
  expectWhole('vocabSize', vocabSize, { minimum: 2, because: 'content and marker' });
  expectWhole('sequenceLength', sequenceLength, { minimum: 2, because: 'a token and the marker' });
  expectWhole('numTrainingSamples', numTrainingSamples);
  const marker = vocabSize - 1;
  return {
    name: 'compression',
    vocabSize,
    inputLength: sequenceLength,
    numTrainingSamples,
    sampler: () => (random) => {
      const ids = Int32Array.from({ length: sequenceLength }, (_, i) =>
        i < sequenceLength - 1 ? random.int(marker) : marker,
      );
      return { ids, targets: ids.slice() };
    },
  };
}
