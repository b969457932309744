import { Vit } from '@scmoe/models';
import { RandomStream } from '@scmoe/tensor';
import { evaluate } from '@scmoe/trainer';
import * as tf from '@tensorflow/tfjs';

import {
  type CommandLine,
  expertOptions,
  type ExpertSettings,
  moeConfig,
  nextLines,
  optionsOf,
  resultLines,
  type RunData,
  type RunSettings,
  say,
  trainCommand,
  type TrainingProgram,
} from '../index.js';

/** The types of the program. */
export interface Quarters {
  model: Vit;
  data: RunData;
  settings: RunSettings & ExpertSettings;
  batch: { pixels: tf.Tensor4D; labels: tf.Tensor1D };
  flags: Faults;
}

/** Faults that a test asks for. */
interface Faults {
  badBatch?: number;
}

let badBatch: number | undefined;

/** Noise of 8 x 8 pixels with one quarter brighter than the others: which one is the label. */
function draw(seed: number, index: number, batchSize: number): Quarters['batch'] {
  const random = new RandomStream({ seed }).fork(index);
  const labels = Array.from({ length: batchSize }, () => Math.floor(4 * random.uniform()));
  const brightness = (label: number, i: number) => Number(label === 2 * Math.floor(i / 32) + Math.floor((i % 8) / 4));
  const pixels = labels.flatMap((label) =>
    Array.from({ length: 64 }, (_, i) => random.uniform() + brightness(label, i)),
  );
  return { pixels: tf.tensor4d(pixels, [batchSize, 8, 8, 1]), labels: tf.tensor1d(labels, 'int32') };
}

/** A program of its own with a small ViT: what a user of this package would write. */
export const quarters: TrainingProgram<Quarters> = {
  name: 'quarters',
  runName: 'quarters',
  samples: { name: 'images', unit: 'images', unitsEach: () => 1 },
  settings: expertOptions(),
  defaults: { batchSize: 4, steps: 12 },
  flags: {
    title: 'Faults',
    options: optionsOf([
      [
        '--bad-batch <n>',
        'pixels of the micro-batch with this number that are no numbers',
        (o) => o.argParser((text) => (badBatch = Number(text))),
      ],
    ]),
  },
  loadData: ({ seed }) =>
    Promise.resolve({
      fingerprint: `quarters ${seed}`,
      line: 'noise, a quarter of it brighter',
      description: { numClasses: 4 },
    }),
  createModel: (settings, described, options) => {
    const sizes = { imageSize: 8, patchSize: 4, numChannels: 1, numLayers: 2, dModel: 8, numHeads: 2 };
    const numClasses = described['numClasses'] as number;
    return new Vit({ ...sizes, numClasses, moe: moeConfig(settings) }, options);
  },
  describe: (model) => ({
    line: 'a small ViT',
    flopsPerUnit: model.flopsPerImage(),
    leastBytesPerUnit: model.leastBytesPerImage(),
  }),
  drawBatch:
    (_data, { seed, batchSize }) =>
    (index) => {
      const { pixels, labels } = draw(seed, index, batchSize);
      return { pixels: index === badBatch ? tf.mul<tf.Tensor4D>(pixels, NaN) : pixels, labels };
    },
  evaluate: (model, _data, { seed, batchSize }, world) => {
    const batches = [0, 1, 2].map((index) => ({ batch: draw(seed + 1, index, batchSize), weight: batchSize }));
    return evaluate(model, batches, { world });
  },
  report: (result) => Promise.resolve(say(result.terminal, ...resultLines(result), ...nextLines(result))),
};

/** Its command line. */
export const commandLine: CommandLine = {
  name: quarters.name,
  description: 'Finds the brightest quarter.',
  commands: [
    (...context) => {
      // Each command line has faults of its own.
      badBatch = undefined;
      return trainCommand(quarters)(...context);
    },
  ],
};
