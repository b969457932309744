import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';

import { runCommandLine } from '@scmoe/run';
import { fromSource } from '@scmoe/testing';

import { commandLine } from '../commandLine.js';

/** What a command line has written, and its exit code. */
export interface Outcome {
  code: number | null;
  out: string;
  err: string;
}

/** Runs a command line in this process. */
export async function vitTrain(...args: string[]): Promise<Outcome> {
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

const here = dirname(fileURLToPath(import.meta.url));
const main = join(here, '..', 'main.ts');
const scmoe = join(here, '..', '..', '..', '..', 'packages', 'cli', 'bin', 'scmoe.mjs');

/** Runs a command line as a process of its own, from source, which is given `input`. */
export function vitTrainProcess(args: readonly string[], input: Uint8Array | string = ''): Promise<Outcome> {
  return run([...fromSource, main, ...args], input);
}

/** Runs a command line on several ranks, as `scmoe launch` does. */
export function vitTrainOn(ranks: number, ...args: string[]): Promise<Outcome> {
  const rank = [process.execPath, ...fromSource, main, ...args];
  return run([...fromSource, scmoe, 'launch', '-n', String(ranks), '--attach', '0', '--', ...rank]);
}

function run(args: readonly string[], input: Uint8Array | string = ''): Promise<Outcome> {
  // jest's own NODE_OPTIONS are not for this process.
  const child = spawn(process.execPath, args, { env: { ...process.env, NODE_OPTIONS: '' } });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  child.stdin.end(input);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, out, err }));
  });
}
