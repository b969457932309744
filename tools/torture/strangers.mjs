// Connections of strangers to all ports of a run, while it starts and while it trains.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { listeningAddresses, sendStrangers } from '../testing/src/strangers.mjs';
import { kill } from './TinyRun.mjs';

const count = 1000;
const stop = ({ pid }) => void kill(pid, 'SIGTERM');
const common = { group: 'strangers', ranks: 2, signal: 'SIGTERM' };

export const strangers = [
  { ...common, name: `${count} strangers at the start`, atStart: visitAtStart, attack: stop },
  { ...common, name: `${count} strangers in training`, attack: visitInTraining },
];

/**
 * Knocks wherever launcher and ranks listen, as soon as they do. Ranks do so for milliseconds and are rarely met here:
 * strangers.test.ts of comm holds their ports open. @returns how many came
 */
async function visitAtStart(run) {
  const visits = [];
  while (run.steps() < 3 && !run.hasEnded) {
    const open = listeningAddresses([run.pid, ...run.ranks()]);
    if (open.length > 0 && visits.length < count / 20) visits.push(sendStrangers(open, { count: 20 }));
    await sleep(10);
  }
  const came = await Promise.all(visits.map(({ opened }) => opened));
  visits.forEach((visit) => visit.close());
  return { visits: came.reduce((total, n) => total + n, 0) };
}

/** @returns how many came; the longest times without a step before they came, and while they did, in milliseconds */
async function visitInTraining(run, pids) {
  const began = Date.now();
  await moreSteps(run, 200);
  const came = Date.now();
  const visit = sendStrangers(listeningAddresses([run.pid, ...pids]), { count });
  const [visits] = await Promise.all([visit.opened, moreSteps(run, 200)]);
  const left = Date.now();
  visit.close();
  stop(run);
  await run.ended;
  const times = recordTimes(run);
  return { visits, quietMs: longestPause(times, began, came), pauseMs: longestPause(times, came, left) };
}

async function moreSteps(run, count) {
  for (const end = run.steps() + count; run.steps() < end && !run.hasEnded;) await sleep(50);
}

/**
 * When the run itself has recorded something, in milliseconds: what this process sees of it is late while it sends strangers. An
 * event of TensorBoard's file begins with its time, after the length and checksum of its record.
 */
function recordTimes(run) {
  const folder = join(run.folders()[0], 'tensorboard');
  const [file] = readdirSync(folder);
  const bytes = readFileSync(join(folder, file));
  const times = [];
  for (let at = 0; at + 12 < bytes.length; at += 16 + Number(bytes.readBigUInt64LE(at))) {
    times.push(bytes.readDoubleLE(at + 13) * 1000);
  }
  return times;
}

function longestPause(times, from, to) {
  const between = [from, ...times.filter((time) => time > from && time < to), to];
  return Math.max(...between.slice(1).map((time, i) => time - between[i]));
}
