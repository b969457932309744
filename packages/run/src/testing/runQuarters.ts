import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';

import { fromSource } from '@scmoe/testing';

import { runCommandLine } from '../index.js';
import { commandLine } from './quarters.js';

/** What a command line has written, and its exit code. */
export interface Outcome {
  code: number | null;
  out: string;
  err: string;
}

/** Runs the program in this process. */
export async function runQuarters(...args: string[]): Promise<Outcome> {
  const written = { out: '', err: '' };
  const collect = (key: 'out' | 'err') =>
    new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        written[key] += chunk.toString();
        done();
      },
    });
  const code = await runCommandLine(commandLine, args, { out: collect('out'), err: collect('err') });
  return { code, ...written };
}

/** Runs the program on several ranks, as `scmoe launch` does, from source. */
export function runQuartersOn(ranks: number, ...args: string[]): Promise<Outcome> {
  const here = dirname(fileURLToPath(import.meta.url));
  const scmoe = join(here, '..', '..', '..', 'cli', 'bin', 'scmoe.mjs');
  const rank = [process.execPath, ...fromSource, join(here, 'quartersProgram.ts'), ...args];
  const launch = [scmoe, 'launch', '-n', String(ranks), '--attach', '0', '--', ...rank];
  const child = spawn(process.execPath, [...fromSource, ...launch], {
    // jest's own NODE_OPTIONS are not for this process.
    env: { ...process.env, NODE_OPTIONS: '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, out, err }));
  });
}
