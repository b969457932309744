import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

import { fromSource } from './fromSource.js';

export type ServeStore = (token: string) => Promise<{ port: number; close(): Promise<void> }>;

const token = 'secret-of-the-tests';

/**
 * Runs a TypeScript program as `size` ranks, each in a process of its own. It sends its result with `sendResult`.
 *
 * @param serveStore serves the rendezvous of ranks that know the token
 * @returns the results by rank
 * @throws Error with what the first rank that fails has printed; the others are ended
 */
export async function runRanks<Result>(program: string, size: number, serveStore: ServeStore): Promise<Result[]> {
  const server = await serveStore(token);
  const ranks = Array.from({ length: size }, (_, rank) => startRank(program, { rank, size, port: server.port }));
  try {
    return await Promise.all(ranks.map(({ result }) => result as Promise<Result>));
  } finally {
    for (const { child } of ranks) child.kill('SIGKILL');
    await Promise.all(ranks.map(({ ended }) => ended));
    await server.close();
  }
}

function startRank(
  program: string,
  { rank, size, port }: { rank: number; size: number; port: number },
): { child: ChildProcess; result: Promise<unknown>; ended: Promise<unknown> } {
  const child = fork(program, {
    execArgv: [...fromSource],
    env: {
      ...process.env,
      NODE_OPTIONS: '',
      RANK: String(rank),
      WORLD_SIZE: String(size),
      LOCAL_RANK: String(rank),
      LOCAL_WORLD_SIZE: String(size),
      SCMOE_RENDEZVOUS: `127.0.0.1:${port}`,
      SCMOE_TOKEN: token,
    },
    serialization: 'advanced',
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let output = '';
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (text: Buffer) => (output += text.toString()));
  const ended = once(child, 'close');
  const result = Promise.race([
    once(child, 'message').then(([message]) => message as unknown),
    ended.then(([code, signal]) => {
      throw new Error(`rank ${rank} of ${size} ended with ${code ?? signal} and no result:\n${output}`);
    }),
  ]);
  return { child, result, ended };
}

/** Hands over the result of a rank's program and waits until it has arrived. */
export function sendResult(result: unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    process.send!(result, undefined, undefined, (error) => (error ? reject(error) : resolve()));
  });
}
