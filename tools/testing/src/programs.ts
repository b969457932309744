import { spawn, type ChildProcess } from 'node:child_process';
import { dirname, join } from 'node:path';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';

import { builtProgram } from './builtProgram.js';
import { fromSource } from './fromSource.js';

/** What a program has written, and how it ended: `code` is null where a signal ended it. */
export interface Outcome {
  code: number | null;
  signal: NodeJS.Signals | null;
  out: string;
  err: string;
}

/** A program that runs in a process of its own. */
export interface StartedProgram {
  process: ChildProcess;
  /** What it has written to the standard output so far. */
  output: () => string;
  done: Promise<Outcome>;
}

/** Runs a command line in this process, on streams whose text is kept. @param run gives the exit code */
export async function runHere(run: (terminal: { out: Writable; err: Writable }) => Promise<number>): Promise<Outcome> {
  const [out, err] = [collector(), collector()];
  const code = await run({ out: out.stream, err: err.stream });
  return { code, signal: null, out: out.text(), err: err.text() };
}

/** Starts an app's `src/main.ts` as a process of its own, built where that is current; `input` is its standard input. */
export function startProgram(
  main: string,
  args: readonly string[],
  { input = '' }: { input?: Uint8Array | string } = {},
): StartedProgram {
  const program = builtProgram(main);
  return start([...program.node, program.main, ...args], input);
}

const scmoe = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..', 'packages', 'cli', 'bin', 'scmoe.mjs');

/** Starts the command `scmoe` as a process of its own, from source. */
export function startScmoe(args: readonly string[]): StartedProgram {
  return start([...fromSource, scmoe, ...args], '');
}

/** How `startProgramOn` starts the ranks. */
export interface RanksOptions {
  /** More options of `scmoe launch`. */
  launch?: readonly string[];
  /** A command that is given each rank's command line as its arguments: `sh -c ...`. */
  through?: readonly string[];
}

/** Starts an app's `src/main.ts` on several ranks, as `scmoe launch` does. */
export function startProgramOn(
  ranks: number,
  main: string,
  args: readonly string[],
  { launch = [], through = [] }: RanksOptions = {},
): StartedProgram {
  const program = builtProgram(main);
  const rank = [...through, process.execPath, ...program.node, program.main, ...args];
  return start([...program.node, scmoe, 'launch', '-n', String(ranks), '--attach', '0', ...launch, '--', ...rank], '');
}

function start(args: readonly string[], input: Uint8Array | string): StartedProgram {
  // jest's own NODE_OPTIONS are not for this process.
  const child = spawn(process.execPath, args, { env: { ...process.env, NODE_OPTIONS: '' } });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  // A program that ends without reading what it is given is no failure of the test's.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
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
