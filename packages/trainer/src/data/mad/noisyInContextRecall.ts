import { keyValueRecall } from './keyValueRecall.js';
import type { MadTask } from './MadTask.js';
import type { NoisyRecallOptions } from './NoisyRecallOptions.js';

/**
 * In-context recall where pairs are replaced by noise from a vocabulary of its own. One pair that is drawn for each
 * sample, and the last one, are never noise.
 *
 * @throws UserError naming the option, what was expected and what came.
 */
export function noisyInContextRecall({
  vocabSize = 32,
  sequenceLength = 128,
  numTrainingSamples = 12_800,
  noiseVocabSize = 16,
  noiseShare = 0.2,
}: NoisyRecallOptions = {}): MadTask {
  const options = { vocabSize, sequenceLength, numTrainingSamples, noiseVocabSize, noiseShare };
  return keyValueRecall('noisy-in-context-recall', options);
}
