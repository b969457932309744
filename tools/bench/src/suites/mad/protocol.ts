import { type MadOptionsOf, madSettings, type MadTaskName, madTaskNames } from '@scmoe/trainer';

/** How models are trained and tested. */
export interface MadProtocol {
  name: 'quick' | 'full';
  settings: { [Name in MadTaskName]: MadOptionsOf[Name][] };
  batchSize: number;
  epochs: Record<MadTaskName, number>;
  numTestSamples: number;
  learningRates: readonly number[];
  weightDecays: readonly number[];
}

const forEach = <T>(of: (name: MadTaskName) => T) =>
  Object.fromEntries(madTaskNames.map((name) => [name, of(name)])) as Record<MadTaskName, T>;

/** That of the paper: every setting of every task, 200 epochs, a grid of six; days on a CPU. */
export const fullProtocol: MadProtocol = {
  name: 'full',
  settings: forEach((name): object[] => madSettings(name)),
  batchSize: 128,
  epochs: forEach(() => 200),
  numTestSamples: 1280,
  learningRates: [1e-4, 5e-4, 1e-3],
  weightDecays: [0, 0.1],
};

/** One easier setting of each task and a short training, to tell in minutes whether a kind learns a task at all. */
export const quickProtocol: MadProtocol = {
  name: 'quick',
  settings: {
    'in-context-recall': [{ vocabSize: 8, sequenceLength: 24, numTrainingSamples: 3200 }],
    'fuzzy-in-context-recall': [{ vocabSize: 8, sequenceLength: 24, numTrainingSamples: 3200 }],
    'noisy-in-context-recall': [{ vocabSize: 16, noiseVocabSize: 8, sequenceLength: 24, numTrainingSamples: 3200 }],
    'selective-copying': [{ sequenceLength: 24, numTokensToCopy: 4, numTrainingSamples: 3200 }],
    compression: [{ sequenceLength: 8, numTrainingSamples: 3200 }],
    memorization: [{ vocabSize: 1024, sequenceLength: 16 }],
  },
  batchSize: 32,
  // 400 steps each.
  epochs: forEach((name) => (name === 'memorization' ? 50 : 4)),
  numTestSamples: 320,
  learningRates: [2e-3],
  weightDecays: [0],
};
