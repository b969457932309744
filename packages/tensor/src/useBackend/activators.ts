import { availableParallelism } from 'node:os';
import { dirname, join, sep } from 'node:path';

import { ScmoeError } from '@scmoe/errors';
import { resolveInstalled } from '@scmoe/native/signatures';
import * as tf from '@tensorflow/tfjs';

import { findAddon, loadAddon } from '../addon/loadAddon.js';
import { backendName } from '../backend/kernel.js';
import { makeCurrent, useCpu, type Activate, type Activated } from './Activated.js';
import type { CompileFunction } from './CompileFunction.js';
import { expectThreads } from './expectThreads.js';

/** The backends that `useBackend` knows by name, on Node. */
export const activators: Record<string, Activate> = {
  [backendName]: useScmoe,
  wasm: useWasm,
  cpu: useCpu,
  tensorflow: useTensorFlow,
};

/** What `auto` tries, best first. */
export const preference = [backendName, 'wasm', 'cpu'];

export function defaultThreads(): number {
  const value = process.env['SCMOE_THREADS'];
  if (value === undefined || value === '') return availableParallelism();
  return expectThreads('SCMOE_THREADS', Number(value), value);
}

async function useScmoe(threads: number): Promise<Activated> {
  const { problem } = findAddon();
  if (problem !== undefined) throw new ScmoeError(problem);
  await makeCurrent(backendName);
  const runtime = loadAddon();
  runtime.setThreads({ count: threads });
  const setBf16 = (on: boolean) => {
    runtime.setBf16({ on: on && runtime.hasBf16() });
    if (runtime.hasBf16()) return undefined;
    if (runtime.oneDnnVersion() === '') return 'there is no oneDNN';
    // By SCMOE_ISA as well, which sets the first.
    const held = process.env['DNNL_MAX_CPU_ISA'] || process.env['ONEDNN_MAX_CPU_ISA'];
    return held && !/BF16|AMX|ALL|DEFAULT/i.test(held)
      ? `oneDNN is held to ${held}`
      : 'this CPU has no bf16 instructions';
  };
  return { name: backendName, threads, about: `native kernels, ${runtime.gemmName()}`, setBf16 };
}

async function useWasm(): Promise<Activated> {
  const packageName = '@tensorflow/tfjs-backend-wasm';
  const wasm = await importOptional<typeof import('@tensorflow/tfjs-backend-wasm')>(packageName).catch((error) => {
    // A bundle may have it inside.
    if (tf.findBackendFactory('wasm') === null) throw error;
  });
  // On Node the module looks for its .wasm files in the working directory until told where they are.
  const [manifest] = resolveInstalled(`${packageName}/package.json`, (import.meta as { url?: string }).url);
  if (manifest !== undefined) wasm?.setWasmPaths(join(dirname(manifest), 'dist') + sep);
  await makeCurrent('wasm');
  return { name: 'wasm', threads: 1, about: 'WebAssembly, no threads on Node' };
}

/** Tables of our models, such as the angles of positions, are constants of a compiled function: far larger than a program's should be. */
const maxConstantBytes = 2 ** 28;

/** What is used of @scmoe/tensorflow, which stands above this package and is loaded only where it is asked for. */
interface TensorFlowPackage {
  registerBackend(this: void, options: { threads: number }): { version: string; device: { type: string } };
  compileStep(
    this: void,
    compute: Parameters<CompileFunction>[0],
    options: { eagerFirst: boolean; maxConstantBytes: number; compile: boolean },
  ): ReturnType<CompileFunction>;
}

async function useTensorFlow(threads: number): Promise<Activated> {
  const packageName = '@scmoe/tensorflow';
  const problems: string[] = [];
  try {
    const { registerBackend, compileStep } = await importOptional<TensorFlowPackage>(packageName);
    const { version, device } = registerBackend({ threads });
    await makeCurrent('tensorflow');
    const setBf16 = (on: boolean) => {
      (tf.backend() as { products?: string }).products = on ? 'bf16' : 'float32';
      return undefined;
    };
    const compile = ((compute: Parameters<CompileFunction>[0]) =>
      compileStep(compute, {
        eagerFirst: false,
        maxConstantBytes,
        compile: process.env['SCMOE_XLA'] !== '0',
      })) as CompileFunction;
    return { name: 'tensorflow', threads, about: `TensorFlow ${version}, ${device.type}`, setBf16, compile };
  } catch (error) {
    problems.push((error as Error).message);
  }
  // TensorFlow reads these when it is loaded; what the user has set himself stays.
  process.env['TF_NUM_INTRAOP_THREADS'] ??= String(threads);
  for (const packageName of ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node']) {
    try {
      await importOptional(packageName);
      await makeCurrent('tensorflow');
      return { name: 'tensorflow', threads: Number(process.env['TF_NUM_INTRAOP_THREADS']), about: packageName };
    } catch (error) {
      problems.push((error as Error).message);
    }
  }
  throw new ScmoeError(problems.join('; '));
}

async function importOptional<Module>(packageName: string): Promise<Module> {
  try {
    // By Node itself, in a bundle too: a bundler that takes this over finds nothing at run time.
    return (await import(/* webpackIgnore: true */ /* @vite-ignore */ packageName)) as Module;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const missing = code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND';
    throw new ScmoeError(
      missing ? `${packageName} is not installed` : `${packageName} could not be loaded: ${message}`,
      {
        cause: error,
      },
    );
  }
}
