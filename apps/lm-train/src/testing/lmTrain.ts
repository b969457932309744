import { spawn, type ChildProcess } from 'node:child_process';
import { dirname, join } from 'node:path';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';

import { runCommandLine } from '@scmoe/run';
import { fromSource } from '@scmoe/testing';

import { commandLine } from '../commandLine.js';

export interface Outcome {
  code: number | null;
  signal: NodeJS.Signals | null;
  out: string;
  err: string;
}

/** Runs a command line in this process. */
export async function lmTrain(...args: string[]): Promise<Outcome> {
  const [out, err] = [collector(), collector()];
  const code = await runCommandLine(commandLine, args, { out: out.stream, err: err.stream });
  return { code, signal: null, out: out.text(), err: err.text() };
}

interface Started {
  process: ChildProcess;
  output: () => string;
  done: Promise<Outcome>;
}

const here = dirname(fileURLToPath(import.meta.url));
const main = join(here, '..', 'main.ts');
const scmoe = join(here, '..', '..', '..', '..', 'packages', 'cli', 'bin', 'scmoe.mjs');

/** Runs a command line as a process of its own, from source. */
export function startLmTrain(...args: string[]): Started {
  return start([...fromSource, main, ...args]);
}

/** Runs a command line on several ranks, as `scmoe launch` does. */
export function startRanks(ranks: number, ...args: string[]): Started {
  const rank = [process.execPath, ...fromSource, main, ...args];
  return start([...fromSource, scmoe, 'launch', '-n', String(ranks), '--attach', '0', '--', ...rank]);
}

/** As startRanks, with restarts; rank 1 gets a signal once, at its first start, when the file is there. */
export function startRanksWithASignal(
  ranks: number,
  signal: 'KILL' | 'TERM',
  file: string,
  ...args: string[]
): Started {
  const kill = `(while ! [ -s "$(ls -d ${file} 2>/dev/null)" ]; do sleep 0.05; done; kill -${signal} $$) &`;
  const script = `if [ "$RANK.$SCMOE_RESTART_COUNT" = 1.0 ]; then ${kill} fi; exec "$@"`;
  const rank = ['sh', '-c', script, 'rank', process.execPath, ...fromSource, main, ...args];
  const flags = ['-n', String(ranks), '--max-restarts', '1', '--attach', '0'];
  return start([...fromSource, scmoe, 'launch', ...flags, '--', ...rank]);
}

function start(args: readonly string[]): Started {
  const child = spawn(process.execPath, args, {
    // jest's own NODE_OPTIONS are not for this process.
    env: { ...process.env, NODE_OPTIONS: '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const done = new Promise<Outcome>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, out, err }));
  });
  return { process: child, output: () => out, done };
}

function collector(): { stream: Writable; text: () => string } {
  const chunks: string[] = [];
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      chunks.push(chunk.toString());
      done();
    },
  });
  return { stream, text: () => chunks.join('') };
}
