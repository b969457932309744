import { UserError } from '@scmoe/errors';
import { createLanguageModel, Gpt, type GptConfig } from '@scmoe/models';
import { expertOptions, expertsInWords, type TrainingProgram } from '@scmoe/run';
import { randomTokenBatches } from '@scmoe/trainer';

import { type DataDescription, loadData } from './data/loadData.js';
import { distillation } from './distill/distillation.js';
import { distillOptions } from './distill/distillOptions.js';
import { describedByTeacher, teacherSettings } from './distill/teacherSettings.js';
import { evaluateLanguage } from './evaluateLanguage.js';
import type { LanguageTypes } from './LanguageTypes.js';
import { gptConfig } from './model/gptConfig.js';
import { dataOptions } from './options/dataOptions.js';
import { fineTuneOptions } from './options/fineTuneOptions.js';
import { modelOptions } from './options/modelOptions.js';
import { sampleOptions } from './options/sampleOptions.js';
import { pretrainedSettings } from './pretrained/pretrainedSettings.js';
import { startFromPretrained } from './pretrained/startFromPretrained.js';
import { trainedModel } from './pretrained/trainedModel.js';
import { reportResult } from './report/reportResult.js';

/** What is special to training a language model. */
export const program: TrainingProgram<LanguageTypes> = {
  name: 'lm-train',
  runName: 'lm',
  ownSetting: 'sequenceLength',
  samples: { name: 'sequences', unit: 'tokens', unitsEach: ({ sequenceLength }) => sequenceLength },
  settings: [modelOptions(), ...expertOptions(), dataOptions(), fineTuneOptions(), distillOptions()],
  flags: sampleOptions(),

  completeSettings: async (settings, given) => pretrainedSettings(await teacherSettings(settings, given), given),
  initialize: (model, settings, _, terminal) => startFromPretrained(model, settings, terminal),
  loadData: async (settings, described) => {
    const ofTeacher = described ? undefined : await describedByTeacher(settings);
    const { tokenizer = settings.tokenizer, model = await trainedModel(settings) } = (described ??
      ofTeacher ??
      {}) as Partial<DataDescription>;
    const data = await loadData({ ...settings, tokenizer, model });
    // Its model may know more tokens than the tokenizer: public embeddings are padded.
    const vocabulary = ofTeacher && { vocabSize: ofTeacher.vocabSize };
    return { ...data, description: described ?? { ...data.description, ...vocabulary } };
  },
  createModel: (settings, described, options) => {
    const { vocabSize, model } = described as unknown as DataDescription;
    return model ? createLanguageModel(model, options) : new Gpt(gptConfig(settings, vocabSize), options);
  },
  objective: (model, settings, { described, ...start }) =>
    distillation(program, model, settings, { ...start, described: described as unknown as DataDescription }),
  describe: (model, settings) => {
    const { numLayers, dModel, numHeads } = model.config as Pick<GptConfig, 'numLayers' | 'dModel' | 'numHeads'>;
    const sizes = `${numLayers} blocks of width ${dModel}, ${numHeads} heads, sequence ${settings.sequenceLength}`;
    const experts = model.numExperts > 0 ? `, ${model.numExperts} experts` : '';
    const isPublic = settings.init !== undefined;
    return {
      line: isPublic
        ? `${settings.init}, ${sizes}${experts}`
        : `${settings.kind} GPT, ${sizes}${expertsInWords(settings)}`,
      flopsPerUnit: model.flopsPerToken(),
      leastBytesPerUnit: model.leastBytesPerToken(),
    };
  },
  drawBatch: ({ train, validation }, settings) => {
    // Found out before the training, and not after it.
    if (validation.ids.length < 2)
      throw new UserError(
        `The data is too short: expected at least 2 tokens in the validation split, got ${validation.ids.length}. A larger --validation-fraction gives it more.`,
      );
    return randomTokenBatches(train, settings);
  },
  evaluate: (model, { validation }, settings, world) => evaluateLanguage(model, validation, settings, world),
  report: reportResult,
};
