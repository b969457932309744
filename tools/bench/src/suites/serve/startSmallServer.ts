import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** A server that runs in a process of its own. */
export interface SmallServer {
  url: string;
  stop(): Promise<void>;
}

/** Starts our server over a small model; its messages go to the standard error. */
export async function startSmallServer(): Promise<SmallServer> {
  // Beside this file once built; from source it is a TypeScript file two folders up.
  const isBuilt = import.meta.url.endsWith('.js');
  const worker = fileURLToPath(
    new URL(isBuilt ? './workers/smallServer.js' : '../../workers/smallServer.ts', import.meta.url),
  );
  const child = spawn(process.execPath, [...process.execArgv, worker], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const [chunk] = (await Promise.race([
    once(child.stdout, 'data'),
    ended.then(() => {
      throw new Error('the server ended before it listened');
    }),
  ])) as [Buffer];
  return {
    url: chunk.toString().trim(),
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
    },
  };
}
