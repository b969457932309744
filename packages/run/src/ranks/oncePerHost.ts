import { hostname } from 'node:os';
import { setTimeout } from 'node:timers/promises';

import type { Communicator } from '@scmoe/comm';
import { UserError } from '@scmoe/errors';
import { gatherText } from '@scmoe/layer';

/** What makes a host one, and how often those who wait hear from those who work. */
export interface OncePerHostOptions {
  /** Ranks of one name share what the work leaves; the name of this machine by default. */
  host?: string;
  everyMs?: number;
}

type Outcome<T> = { result: T } | { error: unknown };

/**
 * Does work that leaves something for others to find, such as files in a cache, on the first rank of each host; then on all
 * others, which find it. Every rank of `world` calls it, and each gets its own result. Without a world it is done at once.
 *
 * The work may take longer than ranks wait for each other in one exchange: they exchange all the time that nothing is wrong.
 *
 * @throws what the work throws, on the rank that did it; UserError on every other one, naming that rank and the reason
 */
export async function oncePerHost<T>(
  world: Communicator | undefined,
  work: () => Promise<T>,
  { host = hostname(), everyMs = 1000 }: OncePerHostOptions = {},
): Promise<T> {
  if (world === undefined || world.size === 1) return work();
  const hosts = await gatherText(world, host);
  const isFirst = hosts.indexOf(host) === world.rank;
  const outcome = isFirst ? await doWhileOthersWait(world, work, everyMs) : await waitForOthers(world);

  const failure = outcome !== undefined && 'error' in outcome ? (outcome.error as Error).message : '';
  const failures = await gatherText(world, failure);
  if (outcome !== undefined && 'error' in outcome) throw outcome.error;
  const failed = failures.findIndex((message) => message !== '');
  if (failed >= 0) throw new UserError(`Rank ${failed} could not do what this rank waits for: ${failures[failed]}`);
  return outcome === undefined ? work() : outcome.result;
}

async function doWhileOthersWait<T>(world: Communicator, work: () => Promise<T>, everyMs: number): Promise<Outcome<T>> {
  const ended = new AbortController();
  let outcome: Outcome<T> | undefined;
  const doing = work()
    .then(
      (result) => (outcome = { result }),
      (error: unknown) => (outcome = { error }),
    )
    .finally(() => ended.abort());
  do {
    const pause = setTimeout(everyMs, undefined, { signal: ended.signal }).catch(() => undefined);
    await Promise.race([doing, pause]);
  } while (await isAnyoneBusy(world, outcome === undefined));
  return outcome!;
}

async function waitForOthers(world: Communicator): Promise<undefined> {
  while (await isAnyoneBusy(world, false));
}

/** Whether any rank is at work still; a collective. */
async function isAnyoneBusy(world: Communicator, isBusy: boolean): Promise<boolean> {
  const [busy] = await world.allReduce(Float32Array.of(Number(isBusy))).done;
  return busy! > 0;
}
