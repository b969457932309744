import { type OptionGroup, type OptionRow, optionsOf } from './OptionGroup.js';
import { realNumber, wholeNumber } from './parsers.js';

/** Settings of the layers with experts and of their routers; part of what makes the model. */
export interface ExpertSettings {
  kind: 'dense' | 'top1' | 'top2' | 'standard' | 'shared' | 'scmoe' | 'dgmoe';
  placement: 'pairs' | 'every';
  position?: 'pos1' | 'pos2' | 'pos3';
  firstPosition?: 'pos1' | 'pos2' | 'pos3';
  mix: 'add' | 'cg1' | 'cg2';
  shortcutNorm: 'own' | 'shared' | 'none';
  postNorm: boolean;
  numExperts: number;
  topK?: number;
  expertHidden?: number;
  sharedHidden?: number;
  capacityFactor: number;
  minCapacity?: number;
  dropPolicy: 'position' | 'probability';
  scoreFunction: 'softmax' | 'sigmoid';
  logits: 'linear' | 'cosine';
  noisy: boolean;
  jitter: number;
  numGroups?: number;
  topKGroups?: number;
  routedScalingFactor?: number;
  numZeroExperts: number;
  loadBalance: number;
  sequenceBalance: number;
  importance: number;
  zLoss: number;
  correctionBias: boolean;
}

const positions = ['pos1', 'pos2', 'pos3'];

const layerOptions: OptionRow[] = [
  [
    '--kind <kind>',
    'what blocks have in place of an MLP',
    (o) => o.choices(['scmoe', 'shared', 'standard', 'top1', 'top2', 'dgmoe', 'dense']).default('scmoe'),
  ],
  [
    '--placement <where>',
    'experts in every second block, shortcuts within a pair; or in every block',
    (o) => o.choices(['pairs', 'every']).default('pairs'),
  ],
  [
    '--position <pos>',
    "what gate and experts read: the first block's output (pos1), its activation before the MLP (pos2, the default in pairs), its input (pos3)",
    (o) => o.choices(positions),
  ],
  ['--first-position <pos>', 'the same for the first pair (default: --position)', (o) => o.choices(positions)],
  ['--mix <mix>', 'how shared and routed experts combine', (o) => o.choices(['add', 'cg1', 'cg2']).default('cg1')],
  [
    '--shortcut-norm <norm>',
    'norm of what gate and experts read',
    (o) => o.choices(['own', 'shared', 'none']).default('own'),
  ],
  ['--post-norm', 'norm on the sum of shared and routed output', (o) => o.default(false)],
  ['--num-experts <n>', 'routed experts per layer', (o) => o.argParser(wholeNumber(1)).default(8)],
  ['--top-k <n>', 'experts per token (default: 1; 2 with --kind standard)', (o) => o.argParser(wholeNumber(1))],
  ['--expert-hidden <n>', 'hidden width of an expert (default: --ffn-hidden)', (o) => o.argParser(wholeNumber(1))],
  [
    '--shared-hidden <n>',
    'hidden width of the shared expert (default: --ffn-hidden)',
    (o) => o.argParser(wholeNumber(1)),
  ],
];

const routerOptions: OptionRow[] = [
  [
    '--capacity-factor <x>',
    'places per expert, as a multiple of an even load; 0: no limit, no token dropped',
    (o) => o.argParser(realNumber(0)).default(0),
  ],
  ['--min-capacity <n>', 'least places per expert (default: 1)', (o) => o.argParser(wholeNumber(0))],
  [
    '--drop-policy <policy>',
    'which tokens a full expert drops: the last, or those with the lowest weight',
    (o) => o.choices(['position', 'probability']).default('position'),
  ],
  [
    '--score-function <name>',
    'scores over all experts, or of each by itself',
    (o) => o.choices(['softmax', 'sigmoid']).default('softmax'),
  ],
  ['--logits <how>', 'logits by a product or by the cosine', (o) => o.choices(['linear', 'cosine']).default('linear')],
  ['--noisy', 'learned noise on the logits, in training', (o) => o.default(false)],
  [
    '--jitter <x>',
    'router inputs times a random factor from 1-x to 1+x, in training',
    (o) => o.argParser(realNumber(0, { maximum: 0.99 })).default(0),
  ],
  ['--num-groups <n>', 'groups of experts, of which --top-k-groups can be chosen', (o) => o.argParser(wholeNumber(1))],
  ['--top-k-groups <n>', 'groups that a token chooses from', (o) => o.argParser(wholeNumber(1))],
  [
    '--routed-scaling-factor <x>',
    'factor on the weights of the chosen experts (default: 1)',
    (o) => o.argParser(realNumber(0, { exclusive: true })),
  ],
  [
    '--num-zero-experts <n>',
    'further experts that hand a token back as it is',
    (o) => o.argParser(wholeNumber(0)).default(0),
  ],
  ['--load-balance <x>', 'coefficient of the load-balance loss', (o) => o.argParser(realNumber(0)).default(0.01)],
  ['--sequence-balance <x>', 'the same within each sequence', (o) => o.argParser(realNumber(0)).default(0)],
  ['--importance <x>', 'coefficient of the importance loss', (o) => o.argParser(realNumber(0)).default(0)],
  ['--z-loss <x>', "coefficient of the routers' z-loss", (o) => o.argParser(realNumber(0)).default(0)],
  [
    '--correction-bias',
    'balance by a bias on the choice, moved after each step by --bias-update-rate',
    (o) => o.default(false),
  ],
];

/** The options of `ExpertSettings`, in two groups. */
export function expertOptions(): OptionGroup[] {
  return [
    { title: 'Experts', options: optionsOf(layerOptions), fixed: 'all' },
    { title: 'Routers', options: optionsOf(routerOptions), fixed: 'all' },
  ];
}
