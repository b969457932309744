// Runs one command on every rank of a lab until all have ended, one has failed, or somebody asks to stop.
import { once } from 'node:events';
import { constants } from 'node:os';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

const graceMs = 5000;

/** @returns the exit status: 0, that of the first rank that failed, or 128 and the signal's number */
export async function runRanks(lab, [command, ...args], { say, stop }) {
  const ranks = Array.from({ length: lab.ranks }, (_, rank) => {
    // A group of its own: the terminal's Ctrl-C comes to the lab alone, and a signal to all that the command starts.
    const child = lab.start(rank, command, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const [from, to] of [
      [child.stdout, process.stdout],
      [child.stderr, process.stderr],
    ]) {
      createInterface({ input: from }).on('line', (line) => to.write(`[rank ${rank}] ${line}\n`));
    }
    return { rank, child, exited: once(child, 'exit'), closed: once(child, 'close') };
  });
  const firstFailure = new Promise((resolve) => {
    for (const { rank, exited } of ranks) {
      void exited.then(([code, signal]) => {
        if (code !== 0) resolve({ rank, code, signal });
      });
    }
  });
  const outcome = await Promise.race([
    Promise.all(ranks.map(({ closed }) => closed)).then(() => ({ code: 0 })),
    firstFailure,
    stop.then((signal) => ({ stopped: signal })),
  ]);
  if (outcome.code === 0) return 0;
  const { stopped, rank, code, signal } = outcome;
  if (stopped === undefined)
    say(`rank ${rank} failed first: ${code === null ? `killed by ${signal}` : `exit status ${code}`}.`);
  await end(ranks, stopped ?? 'SIGTERM');
  return code ?? 128 + constants.signals[stopped ?? signal];
}

async function end(ranks, signal) {
  const all = Promise.all(ranks.map(({ exited }) => exited));
  for (const name of [signal, 'SIGKILL']) {
    for (const { child } of ranks) kill(child.pid, name);
    const timer = new AbortController();
    await Promise.race([all, sleep(graceMs, undefined, { signal: timer.signal }).catch(() => undefined)]);
    timer.abort();
  }
}

function kill(group, signal) {
  try {
    process.kill(-group, signal);
  } catch {
    // It has ended.
  }
}
