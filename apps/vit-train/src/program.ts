import { Vit } from '@scmoe/models';
import { accuracies, expertOptions, expertsInWords, type TrainingProgram } from '@scmoe/run';

import { drawPictures } from './data/drawPictures.js';
import { type DataDescription, loadPictures } from './data/loadPictures.js';
import { evaluateVision } from './evaluateVision.js';
import { pretrainedSettings, startFromPretrained } from './model/pretrained.js';
import { vitConfig } from './model/vitConfig.js';
import { dataOptions } from './options/dataOptions.js';
import { modelOptions } from './options/modelOptions.js';
import { recipeOptions } from './options/recipeOptions.js';
import { reportResult } from './report/reportResult.js';
import type { VisionTypes } from './VisionTypes.js';

/** What is special to training a vision model. */
export const program: TrainingProgram<VisionTypes> = {
  name: 'vit-train',
  runName: 'vit',
  ownSetting: 'labelSmoothing',
  samples: { name: 'pictures', unit: 'pictures', unitsEach: () => 1 },
  settings: [modelOptions(), ...expertOptions(), dataOptions(), recipeOptions()],
  defaults: { batchSize: 128, lr: 1e-3, weightDecay: 0.05, evalBatches: 4 },

  completeSettings: pretrainedSettings,
  initialize: (model, settings, described, terminal) =>
    startFromPretrained(model, settings, (described as unknown as DataDescription).classNames, terminal),
  loadData: (settings, described, terminal, world) =>
    loadPictures(settings, terminal, { earlier: described as unknown as DataDescription | undefined, world }),
  createModel: (settings, described, options) =>
    new Vit(vitConfig(settings, (described as unknown as DataDescription).classNames), options),
  describe: (model, settings) => {
    const { kind, numLayers, dModel, numHeads, stem, imageSize, patchSize, patchStride = patchSize } = settings;
    const of = stem === 'convolutions' ? 'by convolutions' : `of ${patchSize}`;
    const patches = `patches ${of} every ${patchStride} of ${imageSize} pixels`;
    const sizes = `${numLayers} blocks of width ${dModel}, ${numHeads} heads, ${patches}`;
    return {
      line: `${kind} ViT, ${sizes}${expertsInWords(settings)}`,
      flopsPerUnit: model.flopsPerImage(),
      leastBytesPerUnit: model.leastBytesPerImage(),
    };
  },
  drawBatch: drawPictures,
  measure: accuracies,
  evaluate: (model, { validation, described }, settings, world) =>
    evaluateVision(model, validation, { ...settings, ...described, world }),
  report: reportResult,
};
