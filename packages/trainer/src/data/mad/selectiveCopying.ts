import { expectWhole } from './checkOptions.js';
import { ignoredTarget, type MadTask, type MadTaskOptions } from './MadTask.js';

export interface SelectiveCopyingOptions extends MadTaskOptions {
  numTokensToCopy?: number;
}

/**
 * Selective copying: content with blanks (id vocabSize - 2) between, a marker (vocabSize - 1), then blanks at which the
 * content is asked for in order. Each blank stands before a content token drawn for it, as in the authors' generator.
 * Training and test ask for the same.
 *
 * @throws UserError naming the option, what was expected and what came.
 */
export function selectiveCopying({
  vocabSize = 16,
  sequenceLength = 256,
  numTrainingSamples = 12_800,
  numTokensToCopy = 16,
}: SelectiveCopyingOptions = {}): MadTask {
  expectWhole('vocabSize', vocabSize, { minimum: 3, because: 'content, blank and marker' });
  expectWhole('numTokensToCopy', numTokensToCopy);
  expectWhole('sequenceLength', sequenceLength, {
    minimum: 2 * numTokensToCopy + 2,
    because: `${numTokensToCopy} tokens twice, the marker and a blank`,
  });
  expectWhole('numTrainingSamples', numTrainingSamples);
  const blank = vocabSize - 2;
  const marker = vocabSize - 1;
  const numBlanks = sequenceLength - 2 * numTokensToCopy - 1;
  return {
    name: 'selective-copying',
    vocabSize,
    inputLength: sequenceLength,
    numTrainingSamples,
    sampler: () => (random) => {
      const content = Array.from({ length: numTokensToCopy }, () => random.int(blank));
      const blanksBefore = new Array<number>(numTokensToCopy).fill(0);
      for (let i = 0; i < numBlanks; i++) blanksBefore[random.int(numTokensToCopy)]!++;

      const ids = new Int32Array(sequenceLength).fill(blank);
      let position = 0;
      for (const [i, token] of content.entries()) {
        position += blanksBefore[i]!;
        ids[position++] = token;
      }
      ids[position++] = marker;
      const targets = new Int32Array(sequenceLength).fill(ignoredTarget);
      targets.set(content, position);
      return { ids, targets };
    },
  };
}
