import { type Command, Option } from 'commander';

import { realNumber, wholeNumber } from './parsers.js';

/** Options that make the model; a checkpoint can only go on with the same ones. */
export interface ModelOptions {
  kind: 'dense' | 'top1' | 'top2' | 'standard' | 'shared' | 'scmoe';
  numExperts: number;
  topK?: number;
  position: 'pos1' | 'pos2' | 'pos3';
  firstPosition?: 'pos1' | 'pos2' | 'pos3';
  mix: 'add' | 'cg1' | 'cg2';
  shortcutNorm: 'own' | 'shared' | 'none';
  postNorm: boolean;
  capacityFactor: number;
  expertHidden?: number;
  sharedHidden?: number;
  auxiliaryLoss: number;
  dModel: number;
  numLayers: number;
  numHeads: number;
  numKvHeads?: number;
  ffnHidden?: number;
  sequenceLength: number;
  positions: 'learned' | 'rotary';
  norm: 'layer' | 'rms';
  activation: 'gelu' | 'gelu_tanh' | 'swiglu';
  dropout: number;
}

/** The default is sized for three minutes on two cores: small enough to see a few million bytes of text. */
const options: [flags: string, description: string, configure: (option: Option) => Option][] = [
  [
    '--kind <kind>',
    'feed-forward layers of every second block',
    (o) => o.choices(['scmoe', 'shared', 'standard', 'top1', 'top2', 'dense']).default('scmoe'),
  ],
  ['--num-experts <n>', 'routed experts per layer', (o) => o.argParser(wholeNumber(1)).default(8)],
  ['--top-k <n>', 'experts per token (default: 1; 2 with --kind top2)', (o) => o.argParser(wholeNumber(1))],
  [
    '--position <pos>',
    "what gate and experts of scmoe read: the first block's output (pos1), its activation before the MLP (pos2), its input (pos3)",
    (o) => o.choices(['pos1', 'pos2', 'pos3']).default('pos2'),
  ],
  [
    '--first-position <pos>',
    'the same for the first pair of blocks (default: --position)',
    (o) => o.choices(['pos1', 'pos2', 'pos3']),
  ],
  ['--mix <mix>', 'how shared and routed experts combine', (o) => o.choices(['add', 'cg1', 'cg2']).default('cg1')],
  [
    '--shortcut-norm <norm>',
    'norm of what gate and experts read',
    (o) => o.choices(['own', 'shared', 'none']).default('own'),
  ],
  ['--post-norm', 'norm on the sum of shared and routed output', (o) => o.default(false)],
  [
    '--capacity-factor <x>',
    'places per expert, as a multiple of an even load; 0: no limit, no token dropped',
    (o) => o.argParser(realNumber(0)).default(0),
  ],
  ['--expert-hidden <n>', 'hidden width of an expert (default: --ffn-hidden)', (o) => o.argParser(wholeNumber(1))],
  [
    '--shared-hidden <n>',
    'hidden width of the shared expert (default: --ffn-hidden)',
    (o) => o.argParser(wholeNumber(1)),
  ],
  ['--auxiliary-loss <x>', 'coefficient of the load-balance loss', (o) => o.argParser(realNumber(0)).default(0.01)],
  ['--d-model <n>', 'width of the model', (o) => o.argParser(wholeNumber(1)).default(192)],
  ['--num-layers <n>', 'blocks, an even number', (o) => o.argParser(wholeNumber(2)).default(4)],
  ['--num-heads <n>', 'attention heads', (o) => o.argParser(wholeNumber(1)).default(6)],
  ['--num-kv-heads <n>', 'key and value heads (default: --num-heads)', (o) => o.argParser(wholeNumber(1))],
  [
    '--ffn-hidden <n>',
    'hidden width of the dense layers (default: 4 times --d-model)',
    (o) => o.argParser(wholeNumber(1)),
  ],
  ['--sequence-length <n>', 'tokens per sequence', (o) => o.argParser(wholeNumber(1)).default(256)],
  ['--positions <kind>', 'position encoding', (o) => o.choices(['learned', 'rotary']).default('rotary')],
  ['--norm <kind>', 'normalisation', (o) => o.choices(['layer', 'rms']).default('layer')],
  ['--activation <kind>', 'activation', (o) => o.choices(['gelu', 'gelu_tanh', 'swiglu']).default('gelu_tanh')],
  ['--dropout <x>', 'dropout rate', (o) => o.argParser(realNumber(0, { maximum: 0.99 })).default(0)],
];

export function addModelOptions(command: Command): Command {
  for (const [flags, description, configure] of options) {
    command.addOption(configure(new Option(flags, description)).helpGroup('Model:'));
  }
  return command;
}

/** Names of the options of `ModelOptions`. */
export const modelOptionNames = options.map(([flags]) => new Option(flags).attributeName());
