import { Option } from 'commander';

/** The tokenizer of a model that is no run of ours, where it is not taken from its folder. */
export function tokenizerOption(): Option {
  return new Option(
    '--tokenizer <path>',
    'with a folder of transformers or a file of GGUF: tokenizer.json in place of the one in the folder',
  );
}
