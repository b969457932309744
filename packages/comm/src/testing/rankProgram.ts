// A rank in a process of its own: node ... rankProgram.ts <what> [...]. Says what it does, a line each.
import { isMainThread, parentPort } from 'node:worker_threads';

import { init } from '../init/init.js';
import { callOf, type CallName } from './callOf.js';

const [what, ...names] = process.argv.slice(2);
const say = (line: string) => process.stdout.write(`${line}\n`);

/**
 * Joins one world after the other, begins the collective, and stops itself as soon as it is in the middle of it. Goes on
 * to the next world when it is continued.
 */
async function victim(name: CallName): Promise<void> {
  for (let i = 0; ; i++) {
    const world = await init({ engine: 'gloo', name: `${name}-${i}`, timeoutMs: 120_000, silenceMs: 60_000 });
    const state = () => world.flightRecord().entries.at(-1)!.state;
    // Of a barrier there is no middle: it is stopped before.
    if (name !== 'barrier') {
      callOf(name, world).done.catch(() => undefined);
      while (state() === 'queued' || state() === 'waiting for ranks');
    }
    process.kill(process.pid, 'SIGSTOP');
    await world.close();
  }
}

/** Ends without closing: after an exception, with an exit code, or at its end, as asked. */
async function ending(): Promise<void> {
  const world = await init({ engine: 'gloo', timeoutMs: 120_000, silenceMs: 60_000 });
  world.allReduce(Float32Array.of(1)).wait();
  say('joined');
  if (!isMainThread) parentPort!.postMessage('joined');
  if (names[0] === 'throws') throw new Error('a fault of the program');
  if (names[0] === 'exits') process.exit(3);
  if (names[0] === 'blocked') world.allReduce(Float32Array.of(1)).wait();
  if (names[0] === 'awaits') await world.allReduce(Float32Array.of(1)).done;
}

if (what === 'victim') await victim(names[0] as CallName);
else await ending();
