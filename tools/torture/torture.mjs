// Ends runs in the ways in which people and schedulers do it, over and over, and counts what was lost: npm run torture
//   --tries <n>       of each attack (5)
//   --minutes <n>     starts no more after so long (15); Ctrl-C does so too
//   --only <text>     attacks whose group (terminations, strangers) or name has it
//   --ranks <list>    attacks on so many ranks (1,2,4)
//   --at-once <n>     runs at the same time (1)
//   --results <file>  gets a line for each try; those that are there count, so that several sessions add up
//   --built           the built programs, which start three times faster; else what lies here, built or not
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { Results } from './Results.mjs';
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
    results: { type: 'string' },
    built: { type: 'boolean', default: false },
  },
});
const base = mkdtempSync(join(tmpdir(), 'scmoe-torture-'));
const text = makeText(base);

/**
 * @param lane folders of runs that go on, by their number of ranks
 * @returns `problem`: what was wrong, where something was lost; and what was measured
 */
async function attempt({ ranks, signal, atStart, attack, goesOn }, lane) {
  const runs = (goesOn && lane.get(ranks)) ?? mkdtempSync(join(base, 'runs-'));
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
  if (goesOn && what === undefined) lane.set(ranks, runs);
  else lane.delete(ranks);
  if (!goesOn && what === undefined) rmSync(runs, { recursive: true });
  return { problem: what && `${what}\n${run.output}`, ...measured };
}

let end = Date.now() + Number(values.minutes) * 60_000;
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => (end = 0));
const wanted = values.ranks.split(',').map(Number);
const chosen = [...terminations, ...strangers].filter(
  ({ group, name, ranks }) => `${group}: ${name}`.includes(values.only) && wanted.includes(ranks),
);
const results = new Results(values.results);
const begun = chosen.map((attack) => results.of(attack).length);
let lost = 0;
/** The one that was tried least, so that what there is no time for is missing from all alike; undefined when all were tried enough. */
function next() {
  const least = Math.min(...begun);
  if (least >= Number(values.tries)) return undefined;
  const at = begun.indexOf(least);
  begun[at]++;
  return chosen[at];
}
const work = async () => {
  const lane = new Map();
  while (Date.now() < end) {
    const attack = next();
    if (attack === undefined) return;
    const { problem, ...measured } = await attempt(attack, lane);
    results.add(attack, problem, measured);
    if (problem === undefined) continue;
    lost++;
    console.error(`${attack.name} on ${attack.ranks}: ${problem}`);
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
const rows = chosen.map((attack) => {
  const all = results.of(attack);
  const counts = { tries: all.length, lost: all.filter(({ problem }) => problem).length };
  return { ranks: attack.ranks, attack: attack.name, ...counts, ...Object.fromEntries(measuredOf(all)) };
});
console.table(rows);
const total = (name) => rows.reduce((sum, row) => sum + row[name], 0);
console.log(`${total('lost')} of ${total('tries')} lost`);
rmSync(base, { recursive: true, force: true });
process.exitCode = lost > 0 ? 1 : 0;
