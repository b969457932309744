// `npm run bench:compiled [-- --threads N --rounds N --only d]`: training steps of a GPT on the backend scmoe, on TensorFlow operation by
// operation, and compiled by XLA, in turn in one process. Needs an installed TensorFlow.
import { parseArgs } from 'node:util';

import { useBackend } from '@scmoe/tensor';
import { findTensorFlow, openTensorFlow, registerBackend } from '@scmoe/tensorflow';

import { machineLine } from './machine.js';
import { compiledSuite, trainingSizes } from './suites/compiled/compiledSuite.js';

const { values: options } = parseArgs({
  options: {
    threads: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '3' },
    only: { type: 'string', default: '' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
if (options.help) {
  const names = trainingSizes.map(({ name }) => `'${name}'`).join(', ');
  console.log(`npm run bench:compiled [-- --threads N] [--rounds N] [--only NAME]\n--only: one of ${names}.`);
  process.exit(0);
}
const [threads, rounds] = [Number(options.threads), Number(options.rounds)];
const sizes = trainingSizes.filter(({ name }) => options.only === '' || name === options.only);
const { problem } = findTensorFlow();
if (!(threads >= 1 && rounds >= 1) || sizes.length === 0 || problem !== undefined) {
  console.error(problem ?? '--threads and --rounds: expected numbers from 1 on, --only: a name that --help tells');
  process.exit(2);
}

registerBackend({ threads });
await useBackend('scmoe', { threads });
console.log(`${machineLine()}, TensorFlow ${openTensorFlow().version}, ${threads} threads`);
for (const size of sizes) console.log(`\n${await compiledSuite(size, { rounds })}`);
