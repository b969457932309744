import type { MadOptionsOf } from './createMadTask.js';
import type { MadTaskName } from './MadTask.js';

const vocabSizes = [32, 64, 128];
const longRecall = [256, 512, 1024];
const fewerSamples = [6400, 3200, 1600, 800];

const harder: { [Name in MadTaskName]: { [Option in keyof MadOptionsOf[Name]]: number[] } } = {
  'in-context-recall': { vocabSize: vocabSizes, sequenceLength: longRecall, numTrainingSamples: fewerSamples },
  'fuzzy-in-context-recall': { vocabSize: vocabSizes, sequenceLength: longRecall, numTrainingSamples: fewerSamples },
  'noisy-in-context-recall': {
    vocabSize: [48, 80, 144],
    sequenceLength: longRecall,
    numTrainingSamples: fewerSamples,
    noiseShare: [0.4, 0.6, 0.8],
  },
  'selective-copying': {
    vocabSize: vocabSizes,
    sequenceLength: [512, 1024],
    numTrainingSamples: fewerSamples,
    numTokensToCopy: [32, 64, 96],
  },
  compression: { vocabSize: vocabSizes, sequenceLength: [64, 128, 256], numTrainingSamples: fewerSamples },
  memorization: { vocabSize: [512, 1024, 2048, 4096, 8192] },
};

/**
 * The settings whose mean is the score of a task: the baseline, and each knob alone at each harder value (arXiv
 * 2403.17844, appendix B). The baseline is `{}`.
 */
export function madSettings<Name extends MadTaskName>(name: Name): MadOptionsOf[Name][] {
  const knobs = Object.entries<number[]>(harder[name]);
  return [{}, ...knobs.flatMap(([option, values]) => values.map((value) => ({ [option]: value })))];
}
