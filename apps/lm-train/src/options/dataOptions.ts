import { absolutePath, type OptionGroup, optionsOf, realNumber } from '@scmoe/run';

/** Which text is trained on, and as which tokens. */
export interface DataSettings {
  data?: string;
  tokenizer: string;
  validationFraction: number;
}

/** The options of `DataSettings`. */
export function dataOptions(): OptionGroup {
  const options = optionsOf([
    [
      '--data <path>',
      "text file or folder (default: the TypeScript declarations in this project's node_modules)",
      (o) => o.argParser(absolutePath),
    ],
    [
      '--tokenizer <name>',
      'byte, character, gpt2, or the path of a Hugging Face tokenizer.json',
      (o) => o.default('byte'),
    ],
    [
      '--validation-fraction <x>',
      'share of the text, at its end, that is kept for validation',
      (o) => o.argParser(realNumber(0, { exclusive: true, maximum: 0.9 })).default(0.1),
    ],
  ]);
  return { title: 'Data', options, fixed: ['tokenizer', 'validationFraction'], local: ['data'] };
}
