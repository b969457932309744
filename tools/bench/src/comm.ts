// `npm run bench:comm [-- --rounds N]`: every figure of docs/measurements/communication.md and ranks.md, contenders alternating.
import { parseArgs } from 'node:util';

import { networkLabProblem, withNetworkLab } from '@scmoe/netlab';

import { machineLine } from './machine.js';
import { findPyTorch } from './python.js';
import { programs } from './ranks/contenders.js';
import { exchangeSuite } from './suites/comm/exchange.js';
import { memorySuite } from './suites/comm/memory.js';
import { overheadSuite } from './suites/comm/overhead.js';
import { overlapSuite } from './suites/comm/overlap.js';
import { bucketsSuite, scalingSuite } from './suites/comm/training.js';
import { MiB } from './units.js';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '9' }, help: { type: 'boolean', short: 'h', default: false } },
});
const rounds = Number(options.rounds);
const rates = ['200mbit', '1gbit'];
const contenders = programs(findPyTorch());

/** Two ranks in the lab, a core each; or why not. */
async function inLab(measure: Parameters<typeof withNetworkLab<string>>[1]): Promise<string> {
  const problem = networkLabProblem();
  if (problem !== undefined) return `left out: ${problem}`;
  return withNetworkLab({ ranks: 2, rate: rates[0]!, pin: true }, async (lab) => {
    const result = await measure(lab);
    return lab.pinned ? result : `${result}\n\nNot pinned: fewer than two cores.`;
  });
}

const suites: Record<string, () => Promise<string>> = {
  exchange: () =>
    inLab((lab) => exchangeSuite(lab, contenders, { rates, sizes: [1, 8, 32].map((n) => n * MiB), rounds })),
  overlap: () => inLab((lab) => overlapSuite(lab, { rates, sizes: [8, 32].map((n) => n * MiB), rounds })),
  overhead: () => overheadSuite(contenders, { rounds }),
  scaling: () => scalingSuite({ rounds: Math.min(rounds, 5) }),
  buckets: () => inLab((lab) => bucketsSuite(lab, { rates, rounds: Math.min(rounds, 5) })),
  memory: () => memorySuite(contenders, { sizes: [2, 4] }),
};

if (options.help) {
  console.log(`npm run bench:comm [-- ${Object.keys(suites).join('|')} ...] [--rounds N]`);
  process.exit(0);
}
const chosen = positionals.length > 0 ? positionals : Object.keys(suites);
const unknown = chosen.filter((name) => !(name in suites));
if (unknown.length > 0 || !(rounds >= 1)) {
  console.error(
    unknown.length > 0
      ? `Unknown suite ${unknown.join(', ')}; there are ${Object.keys(suites).join(', ')}.`
      : `--rounds: expected a number from 1, got ${options.rounds}.`,
  );
  process.exit(2);
}
console.log(machineLine());
for (const name of chosen) console.log(`\n## ${name}\n\n${await suites[name]!()}`);
