import { Gpt } from '@scmoe/models';
import { expertOptions, expertsInWords, type TrainingProgram } from '@scmoe/run';
import { randomTokenBatches, type TokenizerDescription } from '@scmoe/trainer';

import { type DataDescription, loadData } from './data/loadData.js';
import { evaluateLanguage } from './evaluateLanguage.js';
import type { LanguageTypes } from './LanguageTypes.js';
import { gptConfig } from './model/gptConfig.js';
import { dataOptions } from './options/dataOptions.js';
import { modelOptions } from './options/modelOptions.js';
import { sampleOptions } from './options/sampleOptions.js';
import { reportResult } from './report/reportResult.js';

/** What is special to training a language model. */
export const program: TrainingProgram<LanguageTypes> = {
  name: 'lm-train',
  runName: 'lm',
  samples: { name: 'sequences', unit: 'tokens', unitsEach: ({ sequenceLength }) => sequenceLength },
  settings: [modelOptions(), ...expertOptions(), dataOptions()],
  flags: sampleOptions(),

  loadData: async (settings, described) => {
    const tokenizer = described ? (described['tokenizer'] as unknown as TokenizerDescription) : settings.tokenizer;
    const data = await loadData({ ...settings, tokenizer });
    // Its model may know more tokens than the tokenizer: public embeddings are padded.
    return described ? { ...data, description: described } : data;
  },
  createModel: (settings, described, options) => {
    const { vocabSize } = described as unknown as DataDescription;
    return new Gpt(gptConfig(settings, vocabSize), options);
  },
  describe: (model, settings) => {
    const { kind, numLayers, dModel, numHeads, sequenceLength } = settings;
    const sizes = `${numLayers} blocks of width ${dModel}, ${numHeads} heads, sequence ${sequenceLength}`;
    return {
      line: `${kind} GPT, ${sizes}${expertsInWords(settings)}`,
      flopsPerUnit: model.flopsPerToken(),
      leastBytesPerUnit: model.leastBytesPerToken(),
    };
  },
  drawBatch: ({ train }, settings) => randomTokenBatches(train, settings),
  evaluate: (model, { validation }, settings, world) => evaluateLanguage(model, validation, settings, world),
  report: reportResult,
};
