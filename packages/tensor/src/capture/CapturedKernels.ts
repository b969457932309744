import * as tf from '@tensorflow/tfjs';

import { loadAddon } from '../addon/loadAddon.js';
import { emptyBuffer } from '../backend/pools.js';
import type { NumericArray, NumericType, ScmoeBackend } from '../backend/ScmoeBackend.js';
import { noteSquares } from '../backend/sumsOfSquares.js';
import { stateOf } from '../backend/TransposedWeight.js';
import { forgetParts, type CapturedPart } from './KernelCapture.js';

/** What a step gives, and where. */
interface CapturedOutput {
  values: NumericArray;
  shape: number[];
  dtype: NumericType;
  /** What kernels say of its sum of squares. */
  squares: Uint8Array | undefined;
  /** Whether who replays gets the step's own memory, until the next replay. */
  isLent: boolean;
}

/** What a capture has when it is made. */
export interface CapturedKernelsOptions {
  backend: ScmoeBackend;
  parts: readonly CapturedPart[];
  buffers: readonly ArrayBuffer[];
  /** Those of them that its kernels write anew each time. */
  rewritten: readonly ArrayBuffer[];
  outside: ReadonlyMap<tf.DataId, unknown>;
  /** Variables that had some of it. */
  variables: ReadonlyMap<tf.Variable, tf.DataId>;
  inputs: readonly NumericArray[];
  /** Whether the step has left tensors behind that are none of its outputs. */
  keepsOthers: boolean;
  outputs: readonly CapturedOutput[];
}

/**
 * A step of fixed shapes as the kernels that it calls, which are called again without the JavaScript around them. Holds
 * memory: `dispose` it.
 */
export class CapturedKernels {
  private readonly backendName = tf.getBackend();
  private readonly outside: readonly (readonly [tf.DataId, unknown])[];
  private readonly variables: readonly (readonly [tf.Variable, tf.DataId])[];
  private parts: readonly CapturedPart[];
  /** Tensors of the last replay that lie in the step's memory. */
  private lent: { dataId: tf.DataId; values: NumericArray }[] = [];

  constructor(private readonly options: CapturedKernelsOptions) {
    this.parts = options.parts;
    this.outside = [...options.outside];
    this.variables = [...options.variables];
  }

  /** Whether all tensors from before the step that its kernels read are still where they were. */
  get isCurrent(): boolean {
    const { data } = this.options.backend;
    // One that another backend has had in between is elsewhere now.
    const isThere = ([dataId, state]: readonly [tf.DataId, unknown]) =>
      data.has(dataId) && stateOf(data.get(dataId)) === state;
    // A variable may have another tensor while somebody holds its old one.
    const isSame = this.variables.every(([variable, dataId]) => variable.dataId === dataId);
    return tf.getBackend() === this.backendName && isSame && this.outside.every(isThere);
  }

  /** Whether there are tensors of the step's beside its outputs: variables, or what a program keeps. A replay writes over them. */
  get keepsOthers(): boolean {
    return this.options.keepsOthers;
  }

  /** Whether calls change more than its tensors, such as caches, each time that they are made. */
  get changesMore(): boolean {
    return this.parts.some((part) => typeof part !== 'number');
  }

  /** Bytes of the step's own tensors. */
  get numBytes(): number {
    return this.options.buffers.reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  /**
   * Makes the calls again. Outputs lie where the calls have written them: gradients of many experts are as much to copy as to
   * compute. Those that are not disposed by the next replay are copied then.
   *
   * @param inputs new values of the step's inputs, in the order and of the lengths in which the step made them
   * @returns new tensors with the step's outputs, which the caller disposes
   * @throws whatever a kernel throws; outputs are undefined then
   */
  replay(inputs: readonly NumericArray[] = []): tf.Tensor[] {
    const { backend } = this.options;
    backend.refuseCapture('it calls what is captured already');
    this.takeBack();
    this.options.inputs.forEach((input, i) => input.set(inputs[i]!));
    const { replay } = loadAddon();
    for (const part of this.parts) {
      if (typeof part === 'number') replay({ capture: part });
      else part();
    }
    return this.options.outputs.map((output) => this.handOut(output));
  }

  /**
   * What the step has given while it was captured, as a replay gives it: tensors in its own memory, until the next one.
   *
   * @returns new tensors in place of those that can't be lent
   */
  lend(outputs: readonly tf.Tensor[]): tf.Tensor[] {
    return this.options.outputs.map((output, i) => {
      const { dataId } = outputs[i]!;
      if (output.isLent) this.lent.push({ dataId, values: output.values });
      if (output.isLent) return outputs[i]!;
      outputs[i]!.dispose();
      return this.handOut(output);
    });
  }

  /** Gives the memory back that a replay writes anew, until it does. */
  empty(): void {
    this.takeBack();
    for (const buffer of this.options.rewritten) emptyBuffer(buffer);
  }

  private handOut({ values, shape, dtype, squares, isLent }: CapturedOutput): tf.Tensor {
    if (!isLent) {
      const copy = tf.tensor(values, shape, dtype);
      noteSquares(copy.dataId, squares?.slice());
      return copy;
    }
    const dataId = {};
    this.options.backend.data.set(dataId, { values, dtype, refCount: 1 });
    noteSquares(dataId, squares);
    this.lent.push({ dataId, values });
    return tf.engine().makeTensorFromTensorInfo({ dataId, shape, dtype });
  }

  /** Copies what is lent into memory of its own, where somebody has it still. */
  private takeBack(): void {
    const { backend } = this.options;
    for (const { dataId, values } of this.lent) {
      if (backend.data.has(dataId) && backend.data.get(dataId).values === values) backend.takeFromCapture(dataId);
    }
    this.lent = [];
  }

  /** Frees the step's memory. */
  dispose(): void {
    forgetParts(this.parts);
    this.parts = [];
  }
}
