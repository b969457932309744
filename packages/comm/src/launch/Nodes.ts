import { createHash } from 'node:crypto';
import { createServer, type AddressInfo } from 'node:net';

import type { Failures } from './FailureCount.js';

/** What a launcher learns from the others, or tells them. */
export type News =
  /** `final`: the hosts can't agree on another attempt. */
  | { kind: 'failed'; exitCode: number; text: string; final?: boolean }
  | { kind: 'stop'; signal: NodeJS.Signals; text: string };

/** One start of the group of ranks. */
export interface Attempt {
  /** How often the group has been restarted before. */
  number: number;
  /** The rank of this host's first process. */
  firstRank: number;
  worldSize: number;
  maxRestarts: number;
  /** Where the ranks' store is. */
  endpoint: { host: string; port: number };
  /** A port of rank 0's host that was free, for programs that want one of their own. */
  masterPort: number;
  /** The ranks' token: a new one for each attempt, so that none meets keys or ranks of the last one. */
  token: string;
  /** The first bad news of the other hosts; never settles where there are none. */
  news: Promise<News>;
  /** The rank that was the first to die or to give up, where the store is here and has heard of one. */
  firstCause(): number | undefined;
  /** Tells the other hosts. */
  tell(news: News): void;
  /** Says that the ranks here are done, and waits for those of the other hosts. */
  finish(): Promise<void>;
  /**
   * Counts the failure that has ended this attempt, on all hosts alike.
   *
   * @param reached how far the ranks here say that the run is
   */
  countFailure(reached: number | undefined): Promise<Failures>;
  /** The ranks here have ended; `last`: no attempt follows. */
  leave(options: { last: boolean }): Promise<void>;
}

/** The hosts of a run, as the launcher of one of them sees them. */
export interface Nodes {
  /** Begins an attempt, `number` or a later one that the others have reached, when all hosts are there. */
  begin(number: number): Promise<Attempt>;
  close(): Promise<void>;
}

export function attemptToken(token: string, attempt: number): string {
  return createHash('sha256').update(`${token}\n${attempt}`).digest('hex');
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve, reject) => probe.once('error', reject).listen(0, resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
