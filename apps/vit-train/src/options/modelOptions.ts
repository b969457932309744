import { type VitConfig, vitOptions } from '@scmoe/models';
import { type OptionGroup, optionsOf, tableOptions } from '@scmoe/run';
import { InvalidArgumentError } from 'commander';

/** The settings of the model that the program reads by name; all of `vitOptions` are beside them. */
export interface ModelSettings extends Pick<
  VitConfig,
  'numLayers' | 'dModel' | 'numHeads' | 'imageSize' | 'patchSize'
> {
  patchStride?: number;
  stem?: VitConfig['stem'];
  moeBlocks?: number[];
  init?: string;
}

/** Values for pictures of 32 pixels: 64 patches that overlap, as small pictures need them. */
const defaults: Partial<VitConfig> = {
  imageSize: 32,
  patchSize: 6,
  patchStride: 4,
  pooling: 'mean',
  numLayers: 6,
  dModel: 192,
  numHeads: 3,
  stochasticDepth: 0.1,
};

/** The options of a ViT; where its experts are, is among theirs. Pictures are always of three colours. */
export function modelOptions(): OptionGroup {
  const { placement: _, numChannels: __, ...options } = vitOptions;
  const further = optionsOf([
    [
      '--moe-blocks <list>',
      'which blocks have experts, counted from 0, such as 1,5 (default: every second one, or every one with --placement every)',
      (o) => o.argParser(blockNumbers),
    ],
    [
      '--init <folder>',
      'start from a ViT of Hugging Face transformers (config.json and safetensors): its sizes, a new head where the classes are others, and interpolated positions with another --image-size; with --kind, copies of its MLPs are the experts',
    ],
  ]);
  return { title: 'Model', options: [...tableOptions(options, defaults), ...further], fixed: 'all' };
}

function blockNumbers(text: string): number[] {
  const numbers = text.split(',').map((part) => (part.trim() === '' ? NaN : Number(part)));
  if (numbers.every((number) => Number.isSafeInteger(number) && number >= 0)) return numbers;
  throw new InvalidArgumentError('Expected whole numbers of at least 0, with commas between.');
}
