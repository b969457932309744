import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

import { findGloo, StoreServer } from '@scmoe/comm';

const token = 'secret-of-the-tests';
const runSource = join(import.meta.dirname, '..', '..', '..', 'comm', 'src', 'testing', 'runSource.mjs');

/** `describe`, or a skipped one that says why, where ranks can't exchange anything because the Gloo addon was not built. */
export function describeRanks(name: string, tests: () => void): void {
  const { problem } = findGloo();
  if (problem === undefined || process.env['SCMOE_REQUIRE_NATIVE'] === '1') return void describe(name, tests);
  console.warn(`skipped: ${problem}`);
  describe.skip(name, tests);
}

/**
 * Runs a TypeScript program as `size` ranks, each in a process of its own. It sends its result with `process.send`.
 * @returns the results by rank
 * @throws Error with what the first rank that fails has printed; the others are ended
 */
export async function runRanks<Result>(program: string, size: number): Promise<Result[]> {
  const server = await StoreServer.listen({ token });
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
    execArgv: ['-C', '@scmoe/source', '--import', runSource],
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

/** In a rank's program: hands over its result and waits until it has arrived. */
export function sendResult(result: unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    process.send!(result, undefined, undefined, (error) => (error ? reject(error) : resolve()));
  });
}
