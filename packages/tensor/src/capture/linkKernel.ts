import * as tf from '@tensorflow/tfjs';

import { loadAddon } from '../addon/loadAddon.js';
import { outsidePasses } from '../autodiff/recomputed.js';
import { backendName } from '../backend/kernel.js';
import { type NumericArray, type NumericType, ScmoeBackend } from '../backend/ScmoeBackend.js';
import { withoutSquares } from '../backend/sumsOfSquares.js';
import { forgetParts } from './KernelCapture.js';

/** A tensor of which nothing but its form is known. */
export interface TensorForm {
  readonly shape: readonly number[];
  readonly dtype: NumericType;
}

/** A native kernel that is to be called without JavaScript. */
export interface LinkKernelOptions {
  /** Its name in TF.js, on backend `scmoe`. */
  kernelName: string;
  /** What it is given, by the names of TF.js. */
  inputs: Readonly<Record<string, TensorForm>>;
  attributes: object;
  /** The number by which it is called afterwards, for all kernels of one name with the same attributes and forms. */
  key: number;
}

/** What a linked kernel works on: its inputs in the order in which they were given, then these. */
export interface LinkedKernel {
  readonly outputs: readonly TensorForm[];
  /** Whether it gives one tensor, not a list of them. */
  readonly givesOne: boolean;
  /** Bytes of further arrays, in which it keeps what it needs on the way. */
  readonly scratchBytes: readonly number[];
}

/** Memory that is never written; no tensor of a program is on it. */
let scratch: ScmoeBackend | undefined;

/**
 * Has the addon keep the native calls of a kernel for tensors of these forms, so that another addon makes them by their `key` on
 * memory of its own (`core/kernel_calls.h`): on any thread, several at once. Nothing is computed.
 *
 * @returns undefined where the kernel is more than its native calls on these arrays
 */
export function linkKernel({ kernelName, inputs, attributes, key }: LinkKernelOptions): LinkedKernel | undefined {
  const config = tf.getKernel(kernelName, backendName);
  if (!(config as unknown)) return undefined;
  const backend = (scratch ??= new ScmoeBackend());
  const run = () => {
    const given = Object.entries(inputs).map(([name, { shape, dtype }]) => [name, backend.output(shape, dtype)]);
    const named = Object.fromEntries(given) as Record<string, tf.TensorInfo>;
    const made = config.kernelFunc({ inputs: named, backend, attrs: attributes as tf.NamedAttrMap });
    return { given: Object.values(named), made };
  };
  // What a part that runs a second time would do is of no concern here, nor what is known of tensors beside their numbers.
  const { result, capture } = outsidePasses(() => withoutSquares(() => backend.captured(run, { isDry: true })));
  const { parts, buffers, outside, problem } = capture;
  const outputs: tf.TensorInfo[] = Array.isArray(result.made) ? result.made : [result.made];
  const arrays = [...result.given, ...outputs].map((tensor) => backend.values(tensor));
  const own = new Set(arrays.map(({ buffer }) => buffer));
  const [part] = parts;
  if (
    problem !== undefined ||
    parts.length !== 1 ||
    typeof part !== 'number' ||
    outside.size > 0 ||
    own.size < arrays.length
  ) {
    forgetParts(parts);
    return undefined;
  }
  const others = buffers.filter((buffer) => !own.has(buffer)).map((buffer) => new Uint8Array(buffer));
  const all = [...arrays.map(bytesOf), ...others];
  loadAddon().linkCapture({ capture: part, key, arrays: all, numArrays: all.length });
  return {
    outputs: outputs.map(({ shape, dtype }) => ({ shape, dtype: dtype as NumericType })),
    givesOne: !Array.isArray(result.made),
    scratchBytes: others.map(({ byteLength }) => byteLength),
  };
}

function bytesOf({ buffer, byteOffset, byteLength }: NumericArray): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
