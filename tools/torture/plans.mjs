// Layers by plans drawn at random (kinds, positions, slots, chunks, capacities, uneven loads, a rank that is slower than the others)
// against the sequential plan: npm run torture:plans. Runs the ranks from source over Gloo.
//   --ranks <n,n>  (2,4)
//   --plans <n>    of each number of ranks (150)
//   --seed <n>     which ones (the day, so that every night tries others); printed
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { StoreServer } from '@scmoe/comm';
import { runRanks } from '@scmoe/testing';

import { faultOf } from '../../packages/layer/src/testing/randomPlans.ts';

const { values } = parseArgs({
  options: {
    ranks: { type: 'string', default: '2,4' },
    plans: { type: 'string', default: '150' },
    seed: { type: 'string', default: String(Math.floor(Date.now() / 86_400_000)) },
  },
});
const numbers = { ranks: values.ranks.split(','), plans: [values.plans], seed: [values.seed] };
for (const [name, given] of Object.entries(numbers)) {
  if (given.every((number) => /^\d+$/.test(number) && Number(number) > 0)) continue;
  console.error(`--${name}: expected whole numbers > 0, got ${values[name]}`);
  process.exit(2);
}
const program = fileURLToPath(new URL('../../packages/layer/src/testing/randomPlansProgram.ts', import.meta.url));
// The ranks have it of this process.
Object.assign(process.env, { SCMOE_PLANS: values.plans, SCMOE_PLANS_SEED: values.seed });

for (const ranks of numbers.ranks.map(Number)) {
  const reports = await runRanks(program, ranks, (token) => StoreServer.listen({ token, silenceMs: 600_000 }));
  const faults = reports.map(faultOf).filter((fault) => fault !== undefined);
  const worst = Math.max(...reports.map((report) => report.worst)).toExponential(1);
  const { trials, inChunks, withCapacity, withoutTokens } = reports[0];
  console.log(
    `${ranks} ranks, seed ${values.seed}: ${trials} plans (${inChunks} in chunks, ${withCapacity} with a capacity, ` +
      `${withoutTokens} without a token), gradients differ by at most ${worst}; ${faults.length} ranks with a fault`,
  );
  for (const fault of faults) console.error(fault);
  if (faults.length > 0) process.exitCode = 1;
}
