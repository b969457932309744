// One rank of the test of work that is done once a host, in a process of its own: sends what came of all cases.
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

import { init } from '@scmoe/comm';
import { UserError } from '@scmoe/errors';
import { sendResult } from '@scmoe/testing';

import { oncePerHost } from '../ranks/oncePerHost.js';

/** What came of one case on one rank. */
export interface OncePerHostOutcome {
  /** When the work began and ended here, in milliseconds since 1970. */
  began?: number;
  ended?: number;
  result?: number;
  error?: string;
}

const world = await init({ engine: 'gloo', timeoutMs: 60_000, silenceMs: 60_000 });
const { rank } = world;

async function attempt(host: string, work: () => Promise<number>): Promise<OncePerHostOutcome> {
  const outcome: OncePerHostOutcome = {};
  const observed = async () => {
    outcome.began = Date.now();
    const result = await work();
    outcome.ended = Date.now();
    return result;
  };
  try {
    outcome.result = await oncePerHost(world, observed, { host, everyMs: 100 });
  } catch (error) {
    outcome.error = `${(error as Error).name}: ${(error as Error).message}`;
  }
  return outcome;
}

/** Shows rank 0 that rank 1 has begun: ranks of a test have one parent. */
const hasBegun = join(tmpdir(), `scmoe-once-per-host-${process.ppid}`);

/** Ends after the other host's work has begun, on a machine however busy. */
async function besideRank1(): Promise<number> {
  while (!existsSync(hasBegun)) await setTimeout(10);
  rmSync(hasBegun);
  return 20;
}

async function beginBesideRank0(): Promise<number> {
  writeFileSync(hasBegun, '');
  return setTimeout(500, 21);
}

/** Ends after several exchanges from its beginning: never, where those who wait do so in one, which has a limit. */
async function whileOthersExchange(): Promise<number> {
  const numExchanges = () => world.flightRecord().entries.at(-1)!.sequence;
  const before = numExchanges();
  while (numExchanges() < before + 3) await setTimeout(10);
  return 10;
}

const outcomes = {
  oneHost: await attempt('a', () => (rank === 0 ? whileOthersExchange() : Promise.resolve(10 + rank))),
  twoHosts: await attempt(rank === 1 ? 'b' : 'a', () =>
    rank === 2 ? Promise.resolve(22) : rank === 1 ? beginBesideRank0() : besideRank1(),
  ),
  failure: await attempt(rank === 1 ? 'b' : 'a', () =>
    rank === 1 ? Promise.reject(new UserError('The disk is full.')) : Promise.resolve(rank),
  ),
};
await world.close();
await sendResult(outcomes);
