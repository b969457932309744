// `npm run bench [-- suite ...]`: every other figure of docs/measurements/, each suite's contenders alternating in one run.
import { parseArgs } from 'node:util';

import { callerPath } from './callerPath.js';
import { machineLine } from './machine.js';
import { decodeSuite } from './suites/decode/decode.js';
import { balanceSuite } from './suites/balance/balance.js';
import { expertStoreSuite } from './suites/expertStore/expertStore.js';
import { enginesSuite } from './suites/engines.js';
import { graphModelsSuite } from './suites/graphModels.js';
import { groupedSuite } from './suites/grouped.js';
import { kernelsSuite } from './suites/kernels.js';
import { madSuite } from './suites/mad/mad.js';
import { memorySuite } from './suites/memory.js';
import { pathsSuite } from './suites/paths.js';
import { phasesSuite } from './suites/phases/phases.js';
import { picturesSuite } from './suites/pictures/pictures.js';
import { productsSuite } from './suites/products.js';
import { qualitySuite } from './suites/quality/quality.js';
import { regressionSuite } from './suites/regression/regression.js';
import { routerAheadSuite } from './suites/routerAhead/routerAhead.js';
import { routingSuite } from './suites/routing.js';
import { secondsSuite } from './suites/seconds/seconds.js';
import { convnetSuite, stepSuite, visionSuite } from './suites/step.js';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    text: { type: 'string' },
    images: { type: 'string' },
    models: { type: 'string' },
    threads: { type: 'string', default: '1' },
    sequences: { type: 'string' },
    widths: { type: 'string' },
    rounds: { type: 'string' },
    seeds: { type: 'string', default: '3' },
    steps: { type: 'string', default: '2000' },
    results: { type: 'string' },
    variants: { type: 'string' },
    full: { type: 'boolean', default: false },
    compiled: { type: 'boolean', default: false },
    precision: { type: 'string' },
    rates: { type: 'string', default: '250,500,1000,2000' },
    before: { type: 'string' },
    after: { type: 'string' },
    tolerance: { type: 'string', default: '0.05' },
    budget: { type: 'string' },
    direct: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '60' },
    pace: { type: 'boolean', default: false },
    sizes: { type: 'string', default: '128,4,128,8,8' },
    python: { type: 'string' },
    llama: { type: 'string' },
    contexts: { type: 'string', default: '512,4096' },
    texts: { type: 'string', default: '1,8' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
const rounds = options.rounds === undefined ? {} : { rounds: Number(options.rounds) };
const steps = {
  ...rounds,
  compiled: options.compiled,
  ...(options.precision !== undefined && { precisions: options.precision.split(',') }),
};
const runs = {
  ...(options.results !== undefined && { resultsPath: callerPath(options.results) }),
  ...(options.variants !== undefined && { only: options.variants.split(',') }),
};

const suites: Record<string, () => Promise<string>> = {
  products: () => productsSuite(rounds),
  grouped: () => groupedSuite(rounds),
  kernels: () => kernelsSuite(rounds),
  paths: () =>
    pathsSuite({
      ...rounds,
      threads: options.threads,
      ...(options.variants !== undefined && { only: options.variants.split(',') }),
      ...(options.precision !== undefined && { precisions: options.precision.split(',') }),
    }),
  phases: () =>
    phasesSuite({
      ...rounds,
      threads: Number(options.threads),
      ...(options.variants !== undefined && { only: options.variants.split(',') }),
      ...(options.precision !== undefined && { precisions: options.precision.split(',') }),
    }),
  step: () => stepSuite(steps),
  vision: () => visionSuite(steps),
  convnet: () => convnetSuite(steps),
  routing: () =>
    routingSuite({
      ...rounds,
      threads: Number(options.threads),
      ...(options.precision !== undefined && { precisions: options.precision.split(',') }),
      ...(options.widths !== undefined && { widths: options.widths.split(',').map(Number) }),
    }),
  memory: () =>
    memorySuite({
      ...rounds,
      threads: options.threads,
      ...(options.sequences !== undefined && { sequences: options.sequences.split(',').map(Number) }),
    }),
  engines: () => enginesSuite(rounds),
  'graph-models': async () =>
    options.models === undefined
      ? 'left out: give GraphModels with --models FOLDER (the table in the documentation is of an npm package)'
      : graphModelsSuite({ folder: callerPath(options.models), threads: Number(options.threads), ...rounds, ...runs }),
  mad: () =>
    madSuite({
      protocol: options.full ? 'full' : 'quick',
      seeds: Number(options.seeds),
      ...runs,
    }),
  quality: async () =>
    options.text === undefined
      ? 'left out: give a text with --text FILE (the table in the documentation is tinyshakespeare)'
      : qualitySuite({
          path: callerPath(options.text),
          seeds: Number(options.seeds),
          steps: Number(options.steps),
          ...runs,
        }),
  balance: async () =>
    options.text === undefined
      ? 'left out: give a text with --text FILE (the table in the documentation is tinyshakespeare)'
      : balanceSuite({
          path: callerPath(options.text),
          seeds: Number(options.seeds),
          steps: Number(options.steps),
          ...runs,
        }),
  seconds: async () => {
    if (options.text === undefined) return 'left out: give a text file or a folder of them with --text PATH';
    const sizes = options.sizes.split(',').map(Number);
    if (sizes.length !== 5 || sizes.some((size) => !Number.isInteger(size) || size < 1))
      throw new Error(`--sizes: expected D_MODEL,BLOCKS,SEQUENCE,BATCH,EXPERTS, got ${options.sizes}`);
    const [dModel, numLayers, sequenceLength, batchSize, numExperts] = sizes as [
      number,
      number,
      number,
      number,
      number,
    ];
    return secondsSuite({
      path: callerPath(options.text),
      seconds: Number(options.seconds),
      seeds: Number(options.seeds),
      threads: Number(options.threads),
      sizes: { dModel, numLayers, sequenceLength, batchSize, numExperts },
      ...(options.precision !== undefined && { precision: options.precision as 'float32' | 'bf16' }),
      ...(options.python !== undefined && { python: options.python }),
      ...(options.pace && { paceRounds: rounds.rounds ?? 20 }),
      ...runs,
    });
  },
  decode: async () =>
    options.models === undefined
      ? 'left out: give a language model with --models FOLDER, a folder of transformers'
      : decodeSuite({
          model: callerPath(options.models),
          ...(options.llama !== undefined && { llama: callerPath(options.llama) }),
          threads: options.threads,
          contexts: options.contexts.split(',').map(Number),
          texts: options.texts.split(',').map(Number),
          ...(options.precision !== undefined && { precision: options.precision }),
          ...(options.variants !== undefined && { only: options.variants.split(',') }),
          ...rounds,
        }),
  'expert-store': async () =>
    options.models === undefined || options.text === undefined
      ? 'left out: give run folders scmoe and standard with --models FOLDER, and the text they were trained on with --text FILE'
      : expertStoreSuite({
          models: callerPath(options.models),
          path: callerPath(options.text),
          rates: options.rates.split(',').map(Number),
          direct: options.direct,
          ...rounds,
          ...runs,
        }),
  'router-ahead': async () =>
    options.models === undefined || options.text === undefined
      ? 'left out: give a folder of runs with --router-ahead by --models FOLDER, and the text they were trained on with --text FILE'
      : routerAheadSuite({ models: callerPath(options.models), path: callerPath(options.text), ...runs }),
  regression: async () =>
    options.before === undefined
      ? 'left out: give the folder of another checkout, built, with --before FOLDER'
      : regressionSuite({
          before: callerPath(options.before),
          ...(options.after !== undefined && { after: callerPath(options.after) }),
          ...(options.variants !== undefined && { only: options.variants.split(',') }),
          ...(options.precision !== undefined && { precisions: options.precision.split(',') }),
          threads: options.threads.split(','),
          tolerance: Number(options.tolerance),
          ...(options.results !== undefined && { resultsPath: callerPath(options.results) }),
          ...(options.budget !== undefined && { budgetSeconds: Number(options.budget) }),
          ...rounds,
        }),
  pictures: async () =>
    options.images === undefined
      ? 'left out: give pictures with --images FOLDER (the table in the documentation is CIFAR-10)'
      : picturesSuite({
          data: callerPath(options.images),
          seeds: Number(options.seeds),
          steps: Number(options.steps),
          ...runs,
        }),
};

if (options.help) {
  console.log(
    `npm run bench [-- ${Object.keys(suites).join('|')} ...] [--rounds N] [--compiled] ` +
      '[--text FILE] [--seconds N] [--pace] [--sizes D_MODEL,BLOCKS,SEQUENCE,BATCH,EXPERTS] [--python PYTHON] [--images FOLDER] [--models FOLDER] [--threads N] [--sequences N,N] [--widths N,N] [--seeds N] [--steps N] [--results FILE] [--variants NAME,NAME] [--rates MB/S,MB/S] [--direct] [--full] [--before FOLDER] [--after FOLDER] [--tolerance N] [--budget SECONDS] [--llama FOLDER] [--contexts N,N] [--texts N,N]',
  );
  process.exit(0);
}
// MAD is no measurement of speed and takes a quarter of an hour: when it is asked for.
const chosen = positionals.length > 0 ? positionals : Object.keys(suites).filter((name) => name !== 'mad');
const unknown = chosen.filter((name) => !(name in suites));
if (unknown.length > 0) {
  console.error(`Unknown suite ${unknown.join(', ')}; there are ${Object.keys(suites).join(', ')}.`);
  process.exit(2);
}
console.log(machineLine());
for (const name of chosen) console.log(`\n## ${name}\n\n${await suites[name]!()}`);
