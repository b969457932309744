import { ArgumentError, expectOneOf, ScmoeError } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import { activators, defaultThreads, preference } from './activators.js';
import { useRegistered, type Activated } from './Activated.js';
import type { CompileFunction } from './CompileFunction.js';
import { expectThreads } from './expectThreads.js';

/** Precision of matrix products' operands. */
export type Precision = 'float32' | 'bf16';

/** Options of `useBackend`. */
export interface BackendOptions {
  /** Threads of the kernels. Default: `SCMOE_THREADS`, then what the machine lets this process use; in a browser 1. */
  threads?: number;
  /** Precision of the operands of matrix products; sums, master weights and everything else stay float32. */
  precision?: Precision;
}

/** What `useBackend` chose. */
export interface BackendReport {
  /** The backend's name, as `tf.getBackend()` gives it. */
  backend: string;
  /** What products run in, which is not always what was asked for. */
  precision: Precision;
  threads: number;
  /** Why this backend and precision, one clause after another. */
  reason: string;
  /** All of it in one line, for people. */
  line: string;
  /** Makes one call of a function over tensors, where the backend can: `tensorflow`, by XLA. */
  compile?: CompileFunction;
}

/**
 * Makes a TF.js backend the current one and says what was chosen and why.
 *
 * `auto` takes the native backend `scmoe`, else `wasm` where `@tensorflow/tfjs-backend-wasm` is installed, else `cpu`;
 * in a browser `webgl`, else `wasm` where the page imports that package, else `cpu`.
 * Kernels of TF.js's that are rare (dilations, texts, sparse and ragged tensors; the package's README lists them) run in
 * JavaScript on `scmoe`: for a program that lives on them `wasm` may be the faster one.
 * `tensorflow` takes `@scmoe/tensorflow`, else `@tensorflow/tfjs-node-gpu` or `@tensorflow/tfjs-node`, whichever the project has
 * installed. Any other backend registered with TF.js can be named too. Where bf16 is asked for and can't be had, products run in
 * float32 and the report says why.
 *
 * @throws ArgumentError where the backend is unknown or an option is bad, ScmoeError where the backend can't be used.
 */
export async function useBackend(
  name = 'auto',
  { threads = defaultThreads(), precision = 'float32' }: BackendOptions = {},
): Promise<BackendReport> {
  expectThreads('threads', threads);
  expectOneOf('precision', precision, ['float32', 'bf16']);
  const { activated, reasons } = name === 'auto' ? await activateBest(threads) : await activateNamed(name, threads);

  const problem = activated.setBf16
    ? activated.setBf16(precision === 'bf16')
    : `the ${activated.name} backend has no bf16 products`;
  const used: Precision = precision === 'bf16' && problem === undefined ? 'bf16' : 'float32';
  if (used !== precision) reasons.push(`float32 instead of bf16 because ${problem}`);

  const reason = reasons.join('; ');
  const count = `${activated.threads} ${activated.threads === 1 ? 'thread' : 'threads'}`;
  const line = `backend ${activated.name} (${activated.about}, ${count}, ${used}): ${reason}`;
  const { name: backend, compile } = activated;
  return { backend, precision: used, threads: activated.threads, reason, line, ...(compile && { compile }) };
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
  throw new ScmoeError(`No backend can be used: ${reasons.join('; ')}`);
}

async function activateNamed(name: string, threads: number): Promise<{ activated: Activated; reasons: string[] }> {
  const activate =
    activators[name] ?? (tf.findBackendFactory(name) ? () => useRegistered(name, 'registered with TF.js') : undefined);
  if (!activate) {
    const registered = Object.keys(tf.engine().registryFactory);
    const known = [...new Set(['auto', ...Object.keys(activators), ...registered])];
    throw new ArgumentError(`backend: expected one of ${known.join(', ')}, got '${name}'`);
  }
  try {
    return { activated: await activate(threads), reasons: ['asked for'] };
  } catch (error) {
    throw new ScmoeError(`Backend '${name}' can't be used: ${(error as Error).message}`, { cause: error });
  }
}
