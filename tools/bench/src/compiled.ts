// `npm run bench:compiled [-- --threads N --rounds N --only NAME --ways TEXT]`: training steps of a GPT on the backend scmoe, captured and not,
// on TensorFlow operation by operation, and compiled by XLA, in turn in one process. Needs an installed TensorFlow.
import { parseArgs } from 'node:util';

import { useBackend } from '@scmoe/tensor';
import { findTensorFlow, openTensorFlow, registerBackend } from '@scmoe/tensorflow';

import { machineLine } from './machine.js';
import { compiledSuite, trainingSizes, ways } from './suites/compiled/compiledSuite.js';

const { values: options } = parseArgs({
  options: {
    threads: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '3' },
    steps: { type: 'string', default: '2' },
    only: { type: 'string', default: '' },
    ways: { type: 'string', default: '' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
if (options.help) {
  const names = trainingSizes.map(({ name }) => `'${name}'`).join(', ');
  console.log(
    'npm run bench:compiled [-- --threads N] [--rounds N] [--steps N] [--only NAME] [--ways TEXT]\n' +
      `--only: one of ${names}; --ways: some of ${ways.map(({ name }) => name).join(' | ')}, separated by |`,
  );
  process.exit(0);
}
const [threads, rounds, steps] = [options.threads, options.rounds, options.steps].map(Number) as [
  number,
  number,
  number,
];
const wanted = options.ways.split('|');
const only = ways.filter(({ name }) => options.ways === '' || wanted.includes(name));
const sizes = trainingSizes.filter(({ name }) => options.only === '' || name === options.only);
const { problem } = findTensorFlow();
if (!(threads >= 1 && rounds >= 1 && steps >= 1) || sizes.length === 0 || only.length === 0 || problem !== undefined) {
  console.error(
    problem ?? '--threads, --rounds, --steps: expected numbers from 1 on, --only and --ways: names that --help tells',
  );
  process.exit(2);
}

registerBackend({ threads });
await useBackend('scmoe', { threads });
console.log(`${machineLine()}, TensorFlow ${openTensorFlow().version}, ${threads} threads`);
for (const size of sizes) console.log(`\n${await compiledSuite(size, { rounds, steps, only })}`);
console.log(`peak memory of this process: ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MiB`);
