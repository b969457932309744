import { type Command, Option } from 'commander';

import { addExpertOptions, expertOptionNames, type ExpertOptions } from './expertOptions.js';
import { realNumber, wholeNumber } from './parsers.js';

/** Options that make the model; a checkpoint can only go on with the same ones. */
export interface ModelOptions extends ExpertOptions {
  dModel: number;
  numLayers: number;
  numHeads: number;
  numKvHeads?: number;
  ffnHidden?: number;
  sequenceLength: number;
  positionEncoding: 'learned' | 'rotary';
  norm: 'layer' | 'rms';
  activation: 'gelu' | 'gelu_tanh' | 'swiglu';
  dropout: number;
}

/** The default is sized for three minutes on two cores: small enough to see a few million bytes of text. */
const options: [flags: string, description: string, configure: (option: Option) => Option][] = [
  ['--d-model <n>', 'width of the model', (o) => o.argParser(wholeNumber(1)).default(192)],
  ['--num-layers <n>', 'blocks; in pairs an even number', (o) => o.argParser(wholeNumber(2)).default(4)],
  ['--num-heads <n>', 'attention heads', (o) => o.argParser(wholeNumber(1)).default(6)],
  ['--num-kv-heads <n>', 'key and value heads (default: --num-heads)', (o) => o.argParser(wholeNumber(1))],
  [
    '--ffn-hidden <n>',
    'hidden width of the dense layers (default: 4 times --d-model)',
    (o) => o.argParser(wholeNumber(1)),
  ],
  ['--sequence-length <n>', 'tokens per sequence', (o) => o.argParser(wholeNumber(1)).default(256)],
  ['--position-encoding <kind>', 'position encoding', (o) => o.choices(['learned', 'rotary']).default('rotary')],
  ['--norm <kind>', 'normalisation', (o) => o.choices(['layer', 'rms']).default('layer')],
  ['--activation <kind>', 'activation', (o) => o.choices(['gelu', 'gelu_tanh', 'swiglu']).default('gelu_tanh')],
  ['--dropout <x>', 'dropout rate', (o) => o.argParser(realNumber(0, { maximum: 0.99 })).default(0)],
];

export function addModelOptions(command: Command): Command {
  for (const [flags, description, configure] of options) {
    command.addOption(configure(new Option(flags, description)).helpGroup('Model:'));
  }
  return addExpertOptions(command);
}

/** Names of the options of `ModelOptions`. */
export const modelOptionNames = [...options.map(([flags]) => new Option(flags).attributeName()), ...expertOptionNames];
