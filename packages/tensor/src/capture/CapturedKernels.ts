import * as tf from '@tensorflow/tfjs';

import { loadAddon } from '../addon/loadAddon.js';
import type { NumericArray, ScmoeBackend } from '../backend/ScmoeBackend.js';
import { stateOf } from '../backend/TransposedWeight.js';
import { forgetParts, type CapturedPart } from './KernelCapture.js';

/** What a capture has when it is made. */
export interface CapturedKernelsOptions {
  backend: ScmoeBackend;
  parts: readonly CapturedPart[];
  buffers: readonly ArrayBuffer[];
  outside: ReadonlyMap<tf.DataId, unknown>;
  inputs: readonly NumericArray[];
  outputs: readonly { values: NumericArray; shape: number[]; dtype: tf.DataType }[];
}

/**
 * A step of fixed shapes as the kernels that it calls, which are called again without the JavaScript around them. Holds
 * memory: `dispose` it.
 */
export class CapturedKernels {
  private readonly backendName = tf.getBackend();
  private readonly outside: readonly (readonly [tf.DataId, unknown])[];
  private parts: readonly CapturedPart[];

  constructor(private readonly options: CapturedKernelsOptions) {
    this.parts = options.parts;
    this.outside = [...options.outside];
  }

  /** Whether all tensors from before the step that its kernels read are still where they were. */
  get isCurrent(): boolean {
    const { data } = this.options.backend;
    // One that another backend has had in between is elsewhere now.
    const isThere = ([dataId, state]: readonly [tf.DataId, unknown]) =>
      data.has(dataId) && stateOf(data.get(dataId)) === state;
    return tf.getBackend() === this.backendName && this.outside.every(isThere);
  }

  /** Bytes of the step's own tensors. */
  get numBytes(): number {
    return this.options.buffers.reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  /**
   * Makes the calls again.
   *
   * @param inputs new values of the step's inputs, in the order and of the lengths in which the step made them
   * @returns new tensors with the step's outputs, which the caller disposes
   * @throws whatever a kernel throws; outputs are undefined then
   */
  replay(inputs: readonly NumericArray[] = []): tf.Tensor[] {
    this.options.inputs.forEach((input, i) => input.set(inputs[i]!));
    const { replay } = loadAddon();
    for (const part of this.parts) {
      if (typeof part === 'number') replay({ capture: part });
      else part();
    }
    return this.options.outputs.map(({ values, shape, dtype }) => tf.tensor(values, shape, dtype));
  }

  /** Frees the step's memory. */
  dispose(): void {
    forgetParts(this.parts);
    this.parts = [];
  }
}
