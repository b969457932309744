import { randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:net';
import { fileURLToPath } from 'node:url';

import type { RankCommand } from './RankGroup.js';

const worker = fileURLToPath(new URL('./workers/rank.js', import.meta.url));
const peer = fileURLToPath(new URL('../peers/rank_torch.py', import.meta.url));

/** A program that is one rank, and how to start it. */
export interface Program {
  name: string;
  command: string;
  args: readonly string[];
}

export const ours: Program = { name: 'ScMoE', command: process.execPath, args: [worker] };

/** Ours, and PyTorch's where there is one. */
export function programs(python: string | undefined): Program[] {
  return python === undefined ? [ours] : [ours, { name: 'PyTorch', command: python, args: [peer] }];
}

/** Ranks of this host, connected by loopback, where the scheduler puts them. */
export async function onLoopback({ command, args }: Program, size: number): Promise<RankCommand[]> {
  const port = await freePort();
  const token = randomBytes(16).toString('hex');
  return Array.from({ length: size }, (_, rank) => ({
    command,
    args,
    env: {
      ...process.env,
      RANK: String(rank),
      WORLD_SIZE: String(size),
      LOCAL_RANK: String(rank),
      LOCAL_WORLD_SIZE: String(size),
      MASTER_ADDR: '127.0.0.1',
      MASTER_PORT: String(port),
      SCMOE_TOKEN: token,
      SCMOE_RENDEZVOUS: '',
      GLOO_SOCKET_IFNAME: 'lo',
    },
  }));
}

/** The first of two, as our store takes the port after the given one. */
async function freePort(): Promise<number> {
  for (;;) {
    const first = await listen(0);
    const { port } = first.address() as { port: number };
    const second = await listen(port + 1).catch(() => undefined);
    for (const server of [first, second]) if (server) await new Promise((resolve) => server.close(resolve));
    if (second !== undefined) return port;
  }
}

function listen(port: number): Promise<Server> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', () => resolve(server));
  });
}
