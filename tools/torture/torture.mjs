// Ends runs in the ways in which people and schedulers do it, over and over, and counts what was lost: npm run torture
//   --tries <n>     of each attack (5)
//   --minutes <n>   stops attacking after so long (15)
//   --only <text>   attacks whose name has it
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { listeningAddresses, sendStrangers } from '../testing/src/strangers.mjs';

const { values } = parseArgs({
  options: {
    tries: { type: 'string', default: '5' },
    minutes: { type: 'string', default: '15' },
    only: { type: 'string', default: '' },
  },
});
const root = resolve(import.meta.dirname, '..', '..');
// From source: what is attacked is what lies here, built or not.
const node = [process.execPath, '-C', '@scmoe/source', '--import', join(root, 'tools/testing/src/runSource.mjs')];
const train = [...node, join(root, 'apps/lm-train/src/main.ts'), 'train'];
const launch = [...node, join(root, 'packages/cli/bin/scmoe.mjs'), 'launch', '-n', '2', '--max-restarts', '1'];
const status = { SIGHUP: 129, SIGINT: 130, SIGUSR1: 138, SIGTERM: 143 };
const base = mkdtempSync(join(tmpdir(), 'scmoe-torture-'));
const text = join(base, 'text.txt');
writeFileSync(text, 'some words to learn. '.repeat(400));
const sizes = { 'd-model': 8, 'num-layers': 2, 'num-heads': 1, 'num-experts': 2, 'sequence-length': 16 };
const rest = { data: text, steps: 1_000_000, 'eval-every': 0, 'save-every': 0, 'sample-tokens': 0, threads: 1 };
const options = [...Object.entries({ ...sizes, ...rest }).flatMap(([name, value]) => [`--${name}`, `${value}`])];

/** Each gets the process that was started and those of its ranks, and how long it waits between two signals. */
const attacks = Object.keys(status).flatMap((signal) => {
  const hit = (pids) => pids.forEach((pid) => kill(pid, signal));
  return [
    { ranks: 1, name: `${signal}`, signal, attack: ({ pid }) => hit([pid]) },
    {
      ranks: 1,
      name: `${signal} twice`,
      signal,
      attack: async ({ pid }) => (hit([pid]), await sleep(300), hit([pid])),
    },
    { ranks: 2, name: `${signal} to the launcher`, signal, attack: ({ pid }) => hit([pid]) },
    { ranks: 2, name: `${signal} to one rank`, signal, attack: ({ children }) => hit([children.at(-1)]) },
    { ranks: 2, name: `${signal} to all`, signal, attack: ({ pid, children }) => hit([pid, ...children]) },
    {
      ...{ ranks: 2, name: `${signal} to the ranks, then the launcher`, signal },
      attack: async ({ pid, children }) => (hit(children), await sleep(300), hit([pid])),
    },
  ];
});

const strangers = 1000;
const stop = ({ pid }) => kill(pid, 'SIGTERM');
attacks.push(
  { ranks: 2, name: `${strangers} strangers at the start`, signal: 'SIGTERM', atStart: visitAtStart, attack: stop },
  { ranks: 2, name: `${strangers} strangers in training`, signal: 'SIGTERM', attack: visitInTraining },
);

/** Knocks wherever launcher and ranks listen, as soon as they do. @returns how many came */
async function visitAtStart({ pid, isOver }) {
  const visits = [];
  while (!isOver()) {
    const open = listeningAddresses([pid, ...ranksOf(pid)]);
    if (open.length > 0 && visits.length < strangers / 20) visits.push(sendStrangers(open, { count: 20 }));
    await sleep(10);
  }
  const came = await Promise.all(visits.map(({ opened }) => opened));
  visits.forEach((visit) => visit.close());
  return came.reduce((sum, count) => sum + count, 0);
}

/** @returns how many came, and the longest time without a step while they did, in milliseconds */
async function visitInTraining({ pid, children, runs }) {
  const visit = sendStrangers(listeningAddresses([pid, ...children]), { count: strangers });
  let isOver = false;
  const opened = visit.opened.finally(() => (isOver = true));
  let [steps, since, pauseMs] = [stepsOf(runs), performance.now(), 0];
  for (const end = steps + 20; !isOver || steps < end; await sleep(5)) {
    const now = stepsOf(runs);
    pauseMs = Math.max(pauseMs, performance.now() - since);
    if (now > steps) [steps, since] = [now, performance.now()];
    if (pauseMs > 60_000) break;
  }
  visit.close();
  kill(pid, 'SIGTERM');
  return { visits: await opened, pauseMs };
}

/** @returns `problem`: what was wrong, where something was lost; and what was measured */
async function attempt(options) {
  const runs = mkdtempSync(join(base, 'runs-'));
  const measured = {};
  const problem = await tryOnce({ ...options, runs, measured });
  if (problem === undefined) rmSync(runs, { recursive: true });
  return { problem, ...measured };
}

async function tryOnce({ ranks, signal, atStart, attack, runs, measured }) {
  const command = [...train, ...options, '--run-dir', runs, '--no-progress'];
  const [file, ...args] = ranks === 1 ? command : [...launch, '--', ...command];
  const began = performance.now();
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => (output += part));
  // As a shell counts: a second signal may find the process when all is saved and Node has let go of its handlers.
  const ended = new Promise((done) => child.once('close', (code, by) => done(code ?? status[by] ?? by)));
  const wrong = (what) => `${what}\n${output}`;
  const deadline = Date.now() + 120_000;
  const isStarted = () => stepsOf(runs) >= 3;
  const visiting = atStart?.({ pid: child.pid, isOver: () => isStarted() || child.exitCode !== null });
  while (!isStarted()) {
    if (child.exitCode !== null || Date.now() > deadline)
      return (kill(-child.pid, 'SIGKILL'), wrong('it did not train'));
    await sleep(20);
  }
  measured.startMs = performance.now() - began;
  if (visiting !== undefined) measured.visits = await visiting;
  // Anywhere in a step.
  await sleep(Math.random() * 50);
  const children = ranksOf(child.pid);
  Object.assign(measured, (await attack({ pid: child.pid, children, runs })) || {});
  const end = await Promise.race([ended, sleep(60_000, 'not at all')]);
  if (end === 'not at all') [...children, child.pid].forEach((pid) => kill(pid, 'SIGKILL'));
  if (end !== status[signal]) return wrong(`it ended with ${end}, expected ${status[signal]}`);
  const [saved, ...more] = foldersOf(runs).flatMap((run) => list(join(run, 'checkpoints')));
  if (saved === undefined || more.length > 0) return wrong(`expected one checkpoint, got ${[saved, ...more]}`);
  if (Number(saved.slice(5)) !== stepsOf(runs)) return wrong(`${stepsOf(runs)} steps were done, ${saved} was saved`);
  if (!output.includes(saved)) return wrong('it does not say where it saved');
  const left = children.filter((pid) => kill(pid, 0));
  return left.length > 0 ? wrong(`ranks are left: ${left}`) : undefined;
}

function kill(pid, signal) {
  try {
    return process.kill(pid, signal);
  } catch {
    return false; // It has ended.
  }
}

const list = (folder) => {
  try {
    return readdirSync(folder).filter((name) => !name.startsWith('.'));
  } catch {
    return [];
  }
};
const foldersOf = (runs) => list(runs).map((name) => join(runs, name));

function stepsOf(runs) {
  try {
    return readFileSync(join(foldersOf(runs)[0], 'metrics.jsonl'), 'utf8').split('\n').length - 1;
  } catch {
    return 0;
  }
}

/** The ranks among a launcher's children; the guard is none. */
function ranksOf(pid) {
  const read = (path) => {
    try {
      return readFileSync(path, 'latin1');
    } catch {
      return ''; // It has ended.
    }
  };
  const children = read(`/proc/${pid}/task/${pid}/children`).trim().split(' ').filter(Boolean);
  return children.filter((child) => read(`/proc/${child}/environ`).includes('\0RANK=')).map(Number);
}

const end = Date.now() + Number(values.minutes) * 60_000;
const chosen = attacks.filter(({ name }) => name.includes(values.only));
const results = chosen.map(({ ranks, name }) => ({ ranks, attack: name, tries: 0, lost: 0 }));
const measures = chosen.map(() => []);
const problems = [];
// Round by round, so that what there is no time for is missing from all alike.
for (let round = 0; round < Number(values.tries); round++) {
  for (const [i, attack] of chosen.entries()) {
    if (Date.now() > end) break;
    const { problem, ...measured } = await attempt(attack);
    measures[i].push(measured);
    results[i].tries++;
    if (problem === undefined) continue;
    results[i].lost++;
    problems.push(`${attack.name} on ${attack.ranks}: ${problem}`);
  }
}
/** Of what was measured in every try: the median, or another reduction. */
const over = (name, reduce) => (all) => {
  const values = all.map((measured) => measured[name]).filter((value) => value !== undefined);
  return values.length === 0 ? '' : Math.round(reduce(values.sort((a, b) => a - b)));
};
const median = (values) => values[values.length >> 1];
console.table(
  results.map((result, i) => ({
    ...result,
    'start ms (median)': over('startMs', median)(measures[i]),
    'strangers (fewest)': over('visits', (values) => values[0])(measures[i]),
    'longest pause ms': over('pauseMs', (values) => values.at(-1))(measures[i]),
  })),
);
for (const problem of problems) console.error(problem);
rmSync(base, { recursive: true, force: true });
process.exitCode = problems.length > 0 ? 1 : 0;
