import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fromSource } from '@scmoe/testing';

export interface RankProcess {
  pid: number;
  /** Resolves when the process has printed this line. */
  hasSaid(line: string): Promise<void>;
  signal(name: NodeJS.Signals): void;
  /** Resolves when the process has been stopped. */
  isStopped(): Promise<void>;
  /** Exit code, or the signal's name. */
  ended: Promise<number | string>;
  /** What it has printed so far, both streams. */
  output(): string;
}

// What a failed test has left behind, stopped ones included.
const running = new Set<ChildProcess>();
afterAll(() => running.forEach((child) => child.kill('SIGKILL')));

/** A rank in a process of its own, to be stopped and killed. Runs a program, rankProgram.ts by default, with these arguments. */
export function startRankProcess(
  place: { rank: number; size: number; port: number },
  args: string[],
  program = join(import.meta.dirname, 'rankProgram.ts'),
): RankProcess {
  const node = [...fromSource, program];
  const child = spawn(process.execPath, [...node, ...args], {
    env: {
      ...process.env,
      NODE_OPTIONS: '',
      RANK: String(place.rank),
      WORLD_SIZE: String(place.size),
      LOCAL_RANK: String(place.rank),
      LOCAL_WORLD_SIZE: String(place.size),
      SCMOE_RENDEZVOUS: `127.0.0.1:${place.port}`,
      SCMOE_TOKEN: 'secret-of-the-tests',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  const lines: string[] = [];
  const waiting = new Map<string, () => void>();
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line);
      waiting.get(line)?.();
    });
  }
  const ended = once(child, 'close').then(([code, signal]) => {
    running.delete(child);
    return (code ?? signal) as number | string;
  });
  return {
    pid: child.pid!,
    hasSaid: async (line) => {
      if (lines.includes(line)) return;
      const said = new Promise<void>((resolve) => waiting.set(line, resolve));
      const early = ended.then((end) => {
        if (!lines.includes(line)) throw new Error(`ended with ${end} before '${line}':\n${lines.join('\n')}`);
      });
      await Promise.race([said, early]);
    },
    signal: (name) => child.kill(name),
    isStopped: async () => {
      const state = () => readFileSync(`/proc/${child.pid}/stat`, 'latin1').replace(/^.*\) /, '')[0];
      while (state() !== 'T') await new Promise((resolve) => setTimeout(resolve, 5));
    },
    ended,
    output: () => lines.join('\n'),
  };
}
