// Ends runs in the ways in which people and schedulers do it, over and over, and counts what was lost: npm run torture
//   --tries <n>     of each attack (5)
//   --minutes <n>   starts no more after so long (15); Ctrl-C does so too
//   --only <text>   attacks whose group (terminations, strangers) or name has it
//   --ranks <list>  attacks on so many ranks (1,2,4)
//   --at-once <n>   runs at the same time (1)
//   --built         the built programs, which start three times faster; else what lies here, built or not
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { strangers } from './strangers.mjs';
import { lossOf, terminations } from './terminations.mjs';
import { makeText, TinyRun } from './TinyRun.mjs';

const { values } = parseArgs({
  options: {
    tries: { type: 'string', default: '5' },
    minutes: { type: 'string', default: '15' },
    only: { type: 'string', default: '' },
    ranks: { type: 'string', default: '1,2,4' },
    'at-once': { type: 'string', default: '1' },
    built: { type: 'boolean', default: false },
  },
});
const base = mkdtempSync(join(tmpdir(), 'scmoe-torture-'));
const text = makeText(base);

/** @returns `problem`: what was wrong, where something was lost; and what was measured */
async function attempt({ ranks, signal, atStart, attack }) {
  const runs = mkdtempSync(join(base, 'runs-'));
  const measured = {};
  const began = performance.now();
  const run = new TinyRun({ ranks, runs, text, built: values.built });
  const visiting = atStart?.(run);
  const loss = async () => {
    if (!(await run.trains())) return (process.kill(-run.pid, 'SIGKILL'), 'it did not train');
    measured.startMs = performance.now() - began;
    Object.assign(measured, await visiting);
    // Anywhere in a step.
    await sleep(Math.random() * 50);
    const pids = run.ranks();
    Object.assign(measured, await attack(run, pids));
    return lossOf(run, signal, pids);
  };
  const what = await loss().catch((error) => `the attack failed: ${error.stack}`);
  if (what === undefined) rmSync(runs, { recursive: true });
  return { problem: what && `${what}\n${run.output}`, ...measured };
}

let end = Date.now() + Number(values.minutes) * 60_000;
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => (end = 0));
const wanted = values.ranks.split(',').map(Number);
const chosen = [...terminations, ...strangers].filter(
  ({ group, name, ranks }) => `${group}: ${name}`.includes(values.only) && wanted.includes(ranks),
);
const results = chosen.map(({ ranks, name }) => ({ ranks, attack: name, tries: 0, lost: 0 }));
const measures = chosen.map(() => []);
const problems = [];
// Round by round, so that what there is no time for is missing from all alike.
const queue = Array.from({ length: Number(values.tries) }, () => [...chosen.keys()]).flat();
const work = async () => {
  while (queue.length > 0 && Date.now() < end) {
    const i = queue.shift();
    const { problem, ...measured } = await attempt(chosen[i]);
    measures[i].push(measured);
    results[i].tries++;
    if (problem === undefined) continue;
    results[i].lost++;
    problems.push(`${chosen[i].name} on ${chosen[i].ranks}: ${problem}`);
    console.error(problems.at(-1));
  }
};
await Promise.all(Array.from({ length: Number(values['at-once']) }, work));

/** Of what was measured in every try: the median, or another reduction. */
const over = (name, reduce) => (all) => {
  const values = all.map((measured) => measured[name]).filter((value) => value !== undefined);
  return values.length === 0 ? undefined : Math.round(reduce(values.sort((a, b) => a - b)));
};
const median = (values) => values[values.length >> 1];
const columns = {
  'start ms (median)': over('startMs', median),
  'strangers (fewest)': over('visits', (values) => values[0]),
  'longest step before, ms': over('quietMs', (values) => values.at(-1)),
  'longest step with them, ms': over('pauseMs', (values) => values.at(-1)),
};
const measuredOf = (all) =>
  Object.entries(columns)
    .map(([name, of]) => [name, of(all)])
    .filter(([, value]) => value !== undefined);
console.table(results.map((result, i) => ({ ...result, ...Object.fromEntries(measuredOf(measures[i])) })));
const total = (name) => results.reduce((sum, result) => sum + result[name], 0);
console.log(`${total('lost')} of ${total('tries')} lost`);
rmSync(base, { recursive: true, force: true });
process.exitCode = problems.length > 0 ? 1 : 0;
