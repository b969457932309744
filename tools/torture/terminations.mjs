// Ways to tell a run to end. After each of them it must have saved the step that it was in, and the next try goes on from there: as many
// lines of metrics as steps are then no step lost and none twice, over all tries.
import { setTimeout as sleep } from 'node:timers/promises';

import { kill, statusOf } from './TinyRun.mjs';

/** Whom a signal is sent to, of a launcher and the ranks below it; on one rank there is no launcher. */
const targets = {
  'the launcher': ({ pid }) => [pid],
  'one rank': (_, ranks) => [ranks.at(-1)],
  all: ({ pid }, ranks) => [pid, ...ranks],
};
const again = 300;
const common = { group: 'terminations', goesOn: true };
const send = (signal, pids) => pids.forEach((pid) => kill(pid, signal));
const ways = [
  ...Object.keys(statusOf).map((signal) => ({ name: signal, signal, send: (pids) => send(signal, pids) })),
  ...Object.keys(statusOf).map((signal) => ({
    ...{ name: `${signal} twice`, signal },
    send: async (pids) => (send(signal, pids), await sleep(again), send(signal, pids)),
  })),
];

/** Each is told the run and the processes of its ranks. */
export const terminations = [1, 2, 4].flatMap((ranks) => {
  const to = ranks === 1 ? { 'the process': ({ pid }) => [pid] } : targets;
  const single = Object.entries(to).flatMap(([target, pidsOf]) =>
    ways.map(({ name, signal, send }) => ({
      ...{ ...common, ranks, name: `${name} to ${target}`, signal },
      attack: (run, pids) => send(pidsOf(run, pids)),
    })),
  );
  if (ranks !== 2) return single;
  const inTurn = Object.keys(statusOf).map((signal) => ({
    ...{ ...common, ranks, name: `${signal} to the ranks, then the launcher`, signal },
    attack: async ({ pid }, pids) => (send(signal, pids), await sleep(again), send(signal, [pid])),
  }));
  return [...single, ...inTurn];
});

/** What was lost of a run that was told to end; undefined where nothing was. `pids` were those of its ranks. */
export async function lossOf(run, signal, pids) {
  const end = await run.end();
  if (end !== statusOf[signal]) return `it ended with ${end}, expected ${statusOf[signal]}`;
  const [saved, ...more] = run.checkpoints();
  if (saved === undefined || more.length > 0) return `expected one checkpoint, got ${[saved, ...more]}`;
  if (Number(saved.slice(5)) !== run.steps()) return `${run.steps()} steps were done, ${saved} was saved`;
  if (!run.output.includes(saved)) return 'it does not say where it saved';
  const left = pids.filter((pid) => kill(pid, 0));
  return left.length > 0 ? `ranks are left: ${left}` : undefined;
}
