import { isPretrainedFolder } from '@scmoe/models';
import { evalCommand } from '@scmoe/run';

import { loadData } from '../data/loadData.js';
import { descriptionIn, expectTokenizerFor, openPretrained, type OpenOptions } from '../openLanguageModel.js';
import { expertStore } from '../options/expertStoreOptions.js';
import { tokenizerOption } from '../options/tokenizerOption.js';
import { program } from '../program.js';

/** The command that measures a trained model. */
export const evaluation = evalCommand(program, {
  description: 'Measure how well a trained model predicts text.',
  otherHelp: 'a folder of transformers, a file of GGUF, ',
  openOther: async (path, options: OpenOptions, terminal) => {
    const isPublic = path !== 'latest' && (await isPretrainedFolder(path));
    expectTokenizerFor(path, { isPublic, ...options });
    return isPublic ? openPretrained(path, options, terminal) : undefined;
  },
  options: [tokenizerOption()],
  dataHelp: "text file or folder, all of it (default: the validation split of the run's data)",
  openData: (trained, path) =>
    loadData({
      data: path ?? trained.settings.data,
      tokenizer: descriptionIn(trained).tokenizer,
      // Text that is named here is all for measuring; only the run's own data has a part that was trained on.
      validationFraction: path === undefined ? trained.settings.validationFraction : 1,
    }),
  experts: expertStore,
  show: ({ loss, metrics }) => [
    `perplexity ${Math.exp(loss).toFixed(3)}`,
    `bits per byte ${metrics['bitsPerByte']!.toFixed(4)}`,
  ],
});
