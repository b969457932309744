// Layers in every factorisation of tensor x expert x data ranks against one rank: npm run torture:factorisations. Runs the ranks
// from source over Gloo, all in one go, and prints the largest error of outputs, gradients of the input, of the router and of all
// else, in units of each tensor's largest number.
//   --ranks <n>  (8)
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { StoreServer } from '@scmoe/comm';
import { useBackend } from '@scmoe/tensor';
import { runRanks } from '@scmoe/testing';

import { factorCases, factorisations, nameOf, wholeOf } from '../../packages/layer/src/testing/factorCases.ts';
import { runLayerCase } from '../../packages/layer/src/testing/rankCases.ts';

const { values } = parseArgs({ options: { ranks: { type: 'string', default: '8' } } });
const ranks = Number(values.ranks);
/** The same float32 numbers, added up slice by slice. */
const allowed = 1e-5;
const program = fileURLToPath(new URL('../../packages/layer/src/testing/factorProgram.ts', import.meta.url));
const largest = (data) => data.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
const reports = await runRanks(program, ranks, (token) => StoreServer.listen({ token, silenceMs: 600_000 }));
await useBackend('auto', { threads: 1 });

const oneRank = { tensorParallel: 1, expertParallel: 1, expertShards: 1, schedule: 's1' };
const known = new Map();
function alone(name, sequences) {
  const key = `${sequences} of ${name}`;
  const outcomes = () =>
    Array.from({ length: sequences }, (_, i) => runLayerCase(factorCases[name], { from: i, to: i + 1 }));
  if (!known.has(key)) known.set(key, wholeOf(outcomes(), oneRank));
  return known.get(key);
}

let [worst, compared] = [0, 0];
for (const factors of factorisations(ranks)) {
  const errors = { y: 0, 'grad x': 0, 'grad router.weight': 0, others: 0 };
  for (const name of Object.keys(factorCases)) {
    const actual = wholeOf(
      reports.map((report) => report[nameOf(factors)][name]),
      factors,
    );
    const expected = alone(name, ranks / factors.tensorParallel);
    const scale = Math.max(...Object.values(expected).map(({ data }) => largest(data)));
    for (const [value, { data }] of Object.entries(expected)) {
      const own = largest(data);
      const off = largest(data.map((x, i) => x - actual[value].data[i])) / (own > 1e-5 * scale ? own : scale);
      const kind = value in errors ? value : 'others';
      if (!(off <= errors[kind])) errors[kind] = off;
      compared++;
    }
  }
  if (!Object.values(errors).every((error) => error <= worst)) worst = Math.max(worst, ...Object.values(errors));
  const text = Object.entries(errors).map(([kind, error]) => `${kind} ${error.toExponential(1)}`);
  console.log(`${nameOf(factors).padEnd(40)} ${text.join('  ')}`);
}
const count = factorisations(ranks).length;
console.log(`${count} factorisations of ${ranks} ranks, ${compared} tensors: largest error ${worst.toExponential(1)}`);
if (!(worst <= allowed)) {
  console.error(`expected at most ${allowed}`);
  process.exitCode = 1;
}
