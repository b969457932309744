import { keyValueRecall } from './keyValueRecall.js';
import type { MadTask, MadTaskOptions } from './MadTask.js';

/**
 * In-context recall: pairs of a key and a value, a repeated key has the value of its first occurrence, and the last pair
 * repeats a key. The lower half of the vocabulary are keys, the upper half values. A test asks for the value of every
 * repeated key.
 *
 * @throws UserError naming the option, what was expected and what came.
 */
export function inContextRecall({
  vocabSize = 16,
  sequenceLength = 128,
  numTrainingSamples = 12_800,
}: MadTaskOptions = {}): MadTask {
  const options = { vocabSize, sequenceLength, numTrainingSamples, noiseVocabSize: 0, noiseShare: 0 };
  return keyValueRecall('in-context-recall', options);
}
