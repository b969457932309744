import { ArgumentError } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import type { NumericArray, ScmoeBackend } from '../backend/ScmoeBackend.js';
import { flatten, type Flattened, type Leaf } from '../containers/flatten.js';
import type { CapturedKernels } from './CapturedKernels.js';
import { canCapture, captureKernels } from './captureKernels.js';
import { haveSameBits } from './haveSameBits.js';

/** So many captures of no use in a row, and there will be more. */
const mostWasted = 3;

/** Bytes that a function may have in a capture and in the pool as well, or keep in a capture while it runs without. */
const mostTwice = 2 ** 27;

/** A capture for one form of arguments, and how its results are put together. */
interface Capture {
  kernels: CapturedKernels;
  rebuild: Flattened['rebuild'];
  /** Whether it has given what the function gives. */
  isProven: boolean;
}

/** What a function gives: its tensors, and how they are put together. */
type Results = Flattened & { tensors: tf.Tensor[] };

/** A function's captures, by the forms of its arguments. */
export class FunctionCaptures {
  /** The one used last is the last. */
  private readonly captures = new Map<string, Capture>();
  private refusal: string | undefined;
  /** Captures that were of no use: what they read was gone at the next call, or what they made is still needed. */
  private wasted = 0;

  constructor(
    private readonly compute: (...args: never[]) => unknown,
    private readonly limits: { cacheSize: number; maxBytes: number },
  ) {}

  /** Why the function runs as it stands, where it does. */
  get problem(): string | undefined {
    return this.refusal;
  }

  /** Calls the function. Within a tidy. @returns its result, of tensors of its own */
  call(args: unknown[]): unknown {
    const flat = flatten(args, 'args', 'captureFunction');
    const tensors = flat.leaves.map(({ value }) => (typeof value === 'number' ? tf.scalar(value) : value));
    const isOnTape = tf.engine().state.gradientDepth > 0;
    if (this.refusal !== undefined || isOnTape || !isPossible() || !tensors.every(isNumeric))
      return resultOf(this.run(flat, tensors));

    const key = `${flat.form} ${tensors.map(({ dtype, shape }) => `${dtype}[${shape.join(',')}]`).join(' ')}`;
    const capture = this.captures.get(key);
    this.captures.delete(key);
    if (!capture?.kernels.isCurrent) {
      capture?.kernels.dispose();
      if (capture && !capture.isProven) this.waste('a variable of it has a new tensor at each call');
      if (this.refusal !== undefined) return resultOf(this.run(flat, tensors));
      return this.capture(key, flat, tensors);
    }
    this.captures.set(key, capture);
    if (!capture.isProven) return this.prove(capture, flat, tensors);
    const replayed = replay(capture, tensors);
    // As it stands it fails as well, and says of what, or goes another way than it went when it was captured.
    return replayed ? capture.rebuild(replayed) : resultOf(this.run(flat, tensors));
  }

  /** Frees the captures. */
  dispose(): void {
    for (const { kernels } of this.captures.values()) kernels.dispose();
    this.captures.clear();
  }

  private run(args: Flattened, tensors: readonly tf.Tensor[]): Results {
    const result = flatten(this.compute(...(args.rebuild(tensors) as never[])), 'the result', 'captureFunction');
    // An argument or a variable that is a result as well stays its owner's, and none is the result twice.
    const taken = new Set<tf.Tensor>(tensors);
    const own = result.leaves.map(expectTensor).map((tensor) => {
      const isTaken = taken.has(tensor) || tensor instanceof tf.Variable;
      taken.add(tensor);
      return isTaken ? tensor.clone() : tensor;
    });
    return { ...result, tensors: own };
  }

  private capture(key: string, args: Flattened, tensors: readonly tf.Tensor[]): unknown {
    let results: Results | undefined;
    const values = tensors.map(valuesOf); // before: what a step reads while it is captured has to stay
    const { outputs, captured, problem } = captureKernels(({ input }) => {
      const own = tensors.map(({ shape }, i) => input(values[i] as Float32Array, shape));
      results = this.run(args, own);
      return results.tensors;
    });
    if (!captured) this.refuse(problem);
    else if (captured.changesMore) {
      captured.dispose();
      this.refuse('it changes more than its result');
    } else if (captured.keepsOthers) {
      // Tables and variables that a first call makes are no longer made in the next.
      captured.dispose();
      this.waste('it keeps a tensor that is none of its results at each call');
    } else if (captured.numBytes > this.limits.maxBytes) {
      captured.dispose();
      this.refuse(`its tensors take ${captured.numBytes} bytes, more than the ${this.limits.maxBytes} of maxBytes`);
    } else {
      this.keep(key, { kernels: captured, rebuild: results!.rebuild, isProven: false });
      return results!.rebuild(captured.lend(outputs));
    }
    return results!.rebuild(outputs);
  }

  /** Makes the call both ways: results are those of the function as it stands. One way after the other has memory. */
  private prove(capture: Capture, args: Flattened, tensors: readonly tf.Tensor[]): unknown {
    const { kernels } = capture;
    const isLarge = kernels.numBytes > mostTwice;
    const freeCache = () => isLarge && (tf.backend() as ScmoeBackend).freeCache();
    if (isLarge) kernels.empty();
    const results = this.run(args, tensors);
    freeCache();
    const replayed = replay(capture, tensors) ?? [];
    const isSame = (tensor: tf.Tensor, i: number) => haveSameBits(numbersOf(tensor), numbersOf(replayed[i]!));
    capture.isProven = results.tensors.length === replayed.length && results.tensors.every(isSame);
    tf.dispose(replayed);
    if (capture.isProven) this.wasted = 0;
    else this.refuse('its results are others when it is made of its kernels alone');
    return resultOf(results);
  }

  private keep(key: string, capture: Capture): void {
    this.captures.set(key, capture);
    const [oldest] = this.captures;
    if (this.captures.size <= this.limits.cacheSize) return;
    oldest![1].kernels.dispose();
    this.captures.delete(oldest![0]);
  }

  private waste(problem: string): void {
    if (++this.wasted === mostWasted) this.refuse(problem);
  }

  private refuse(problem: string): void {
    this.refusal = problem;
    this.dispose();
  }
}

/** Whether a function can be captured here and now. */
function isPossible(): boolean {
  return canCapture() && (tf.backend() as ScmoeBackend).canCapture;
}

/** The results of the kernels alone; undefined where one of them fails, or answers otherwise than it did. */
function replay({ kernels }: Capture, tensors: readonly tf.Tensor[]): tf.Tensor[] | undefined {
  try {
    return kernels.replay(tensors.map(valuesOf));
  } catch {
    return undefined;
  }
}

function resultOf({ rebuild, tensors }: Results): unknown {
  return rebuild(tensors);
}

function expectTensor({ path, value }: Leaf): tf.Tensor {
  if (value instanceof tf.Tensor) return value;
  throw new ArgumentError(
    `captureFunction: ${path}: expected a tensor, got the number ${value}, which would be the same after every call`,
  );
}

/** Where they are: those of a tensor of 32 bits an element, and of booleans as such. */
function numbersOf(tensor: tf.Tensor): Float32Array | Int32Array {
  const values = valuesOf(tensor);
  return values instanceof Uint8Array ? Int32Array.from(values) : values;
}

function isNumeric({ dtype }: tf.Tensor): boolean {
  return dtype === 'float32' || dtype === 'int32';
}

/** The elements where they are, if they are on the backend already. */
function valuesOf(tensor: tf.Tensor): NumericArray {
  const backend = tf.backend() as ScmoeBackend;
  const isThere = backend.data.has(tensor.dataId) && ArrayBuffer.isView(backend.data.get(tensor.dataId).values);
  return isThere ? backend.values(tensor) : tensor.dataSync<'float32' | 'int32'>();
}
