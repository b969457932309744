// Connections of strangers to all ports of a run, while it starts and while it trains.
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
  const quietMs = await longestPause(run);
  const visit = sendStrangers(listeningAddresses([run.pid, ...pids]), { count });
  const [visits, pauseMs] = await Promise.all([visit.opened, longestPause(run)]);
  visit.close();
  stop(run);
  return { visits, quietMs, pauseMs };
}

/** Over the next 200 steps. */
async function longestPause(run) {
  let [steps, since, longest] = [run.steps(), performance.now(), 0];
  for (const end = steps + 200; steps < end && longest < 60_000; await sleep(5)) {
    const now = run.steps();
    longest = Math.max(longest, performance.now() - since);
    if (now > steps) [steps, since] = [now, performance.now()];
  }
  return longest;
}
