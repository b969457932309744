import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join, sep } from 'node:path';

import * as tf from '@tensorflow/tfjs';

import { findAddon, loadAddon } from './addon/loadAddon.js';
import { backendName } from './backend/kernel.js';

export type Precision = 'float32' | 'bf16';

export interface BackendOptions {
  /** Threads of this process's kernels. Default: `SCMOE_THREADS`, then what the machine lets this process use. */
  threads?: number;
  /** Precision of the operands of matrix products; sums, master weights and everything else stay float32. */
  precision?: Precision;
}

export interface BackendReport {
  backend: string;
  precision: Precision;
  threads: number;
  /** Why this backend and precision, one clause after another. */
  reason: string;
  /** All of it in one line, for people. */
  line: string;
}

interface Runtime {
  setThreads: (count: number) => void;
  hasBf16: () => boolean;
  setBf16: (on: boolean) => void;
  oneDnnVersion: () => string;
}

/** A backend that could be made the current one. */
interface Activated {
  name: string;
  threads: number;
  about: string;
  /** Turns bf16 products on or off; absent where the backend has none. Says why it can't, where it can't. */
  setBf16?: (on: boolean) => string | undefined;
}

type Activate = (threads: number) => Promise<Activated>;

const activators: Record<string, Activate> = {
  [backendName]: useScmoe,
  wasm: useWasm,
  cpu: useCpu,
  tensorflow: useTensorFlow,
};

/** What `auto` tries, best first. */
const preference = [backendName, 'wasm', 'cpu'];

/**
 * Makes a TF.js backend the current one and says what was chosen and why.
 *
 * `auto` takes the native backend `scmoe`, else `wasm` where `@tensorflow/tfjs-backend-wasm` is installed, else `cpu`.
 * `tensorflow` takes `@tensorflow/tfjs-node-gpu` or `@tensorflow/tfjs-node`, whichever the project has installed. Any
 * other backend registered with TF.js can be named too. Where bf16 is asked for and can't be had, products run in
 * float32 and the report says why.
 *
 * @throws Error where the named backend is unknown or can't be used, RangeError for bad options.
 */
export async function useBackend(
  name = 'auto',
  { threads = defaultThreads(), precision = 'float32' }: BackendOptions = {},
): Promise<BackendReport> {
  checkThreads('threads', threads);
  if (precision !== 'float32' && precision !== 'bf16') {
    throw new RangeError(`precision must be 'float32' or 'bf16', got '${String(precision)}'`);
  }
  const { activated, reasons } = name === 'auto' ? await activateBest(threads) : await activateNamed(name, threads);

  const problem = activated.setBf16
    ? activated.setBf16(precision === 'bf16')
    : `the ${activated.name} backend has no bf16 products`;
  const used: Precision = precision === 'bf16' && problem === undefined ? 'bf16' : 'float32';
  if (used !== precision) reasons.push(`float32 instead of bf16 because ${problem}`);

  const reason = reasons.join('; ');
  const count = `${activated.threads} ${activated.threads === 1 ? 'thread' : 'threads'}`;
  const line = `backend ${activated.name} (${activated.about}, ${count}, ${used}): ${reason}`;
  return { backend: activated.name, precision: used, threads: activated.threads, reason, line };
}

async function activateBest(threads: number): Promise<{ activated: Activated; reasons: string[] }> {
  const reasons: string[] = [];
  for (const name of preference) {
    try {
      const activated = await activators[name]!(threads);
      reasons.unshift(reasons.length === 0 ? 'the fastest there is here' : 'the best that works here');
      return { activated, reasons };
    } catch (error) {
      reasons.push(`no ${name}: ${(error as Error).message}`);
    }
  }
  throw new Error(`No backend can be used: ${reasons.join('; ')}`);
}

async function activateNamed(name: string, threads: number): Promise<{ activated: Activated; reasons: string[] }> {
  const activate =
    activators[name] ?? (tf.findBackendFactory(name) ? () => useRegistered(name, 'registered with TF.js') : undefined);
  if (!activate) {
    const registered = Object.keys(tf.engine().registryFactory);
    const known = [...new Set(['auto', ...Object.keys(activators), ...registered])];
    throw new Error(`Unknown backend '${name}': expected one of ${known.join(', ')}`);
  }
  try {
    return { activated: await activate(threads), reasons: ['asked for'] };
  } catch (error) {
    throw new Error(`Backend '${name}' can't be used: ${(error as Error).message}`, { cause: error });
  }
}

async function useScmoe(threads: number): Promise<Activated> {
  const { problem } = findAddon();
  if (problem !== undefined) throw new Error(problem);
  await makeCurrent(backendName);
  const runtime = loadAddon<Runtime>();
  runtime.setThreads(threads);
  const setBf16 = (on: boolean) => {
    runtime.setBf16(on && runtime.hasBf16());
    return runtime.hasBf16() ? undefined : 'this CPU has no bf16 instructions';
  };
  return { name: backendName, threads, about: `native kernels, ${runtime.oneDnnVersion()}`, setBf16 };
}

async function useWasm(): Promise<Activated> {
  const packageName = '@tensorflow/tfjs-backend-wasm';
  const wasm = await importOptional<typeof import('@tensorflow/tfjs-backend-wasm')>(packageName);
  // On Node the module looks for its .wasm files in the working directory until told where they are.
  const folder = dirname(createRequire(import.meta.url).resolve(`${packageName}/package.json`));
  wasm.setWasmPaths(join(folder, 'dist') + sep);
  await makeCurrent('wasm');
  return { name: 'wasm', threads: 1, about: 'WebAssembly, no threads on Node' };
}

async function useTensorFlow(threads: number): Promise<Activated> {
  // TensorFlow reads these when it is loaded; what the user has set himself stays.
  process.env['TF_NUM_INTRAOP_THREADS'] ??= String(threads);
  const problems: string[] = [];
  for (const packageName of ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node']) {
    try {
      await importOptional(packageName);
      await makeCurrent('tensorflow');
      return { name: 'tensorflow', threads: Number(process.env['TF_NUM_INTRAOP_THREADS']), about: packageName };
    } catch (error) {
      problems.push((error as Error).message);
    }
  }
  throw new Error(problems.join('; '));
}

async function useCpu(): Promise<Activated> {
  const activated = await useRegistered('cpu', 'plain JavaScript, slow');
  // On first use it would print three lines that advise tfjs-node; our report says what there is to say.
  (tf.backend() as { firstUse?: boolean }).firstUse = false;
  return activated;
}

async function useRegistered(name: string, about: string): Promise<Activated> {
  await makeCurrent(name);
  return { name, threads: 1, about };
}

async function makeCurrent(name: string): Promise<void> {
  if (!(await tf.setBackend(name))) throw new Error(`TF.js could not initialise '${name}' (its warning says why)`);
}

async function importOptional<Module>(packageName: string): Promise<Module> {
  try {
    return (await import(packageName)) as Module;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const missing = code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND';
    throw new Error(missing ? `${packageName} is not installed` : `${packageName} could not be loaded: ${message}`, {
      cause: error,
    });
  }
}

function defaultThreads(): number {
  const value = process.env['SCMOE_THREADS'];
  if (value === undefined || value === '') return availableParallelism();
  checkThreads('SCMOE_THREADS', Number(value));
  return Number(value);
}

function checkThreads(what: string, threads: number): void {
  if (Number.isInteger(threads) && threads >= 1) return;
  throw new RangeError(`${what} must be a whole number of at least 1, got ${threads}`);
}
