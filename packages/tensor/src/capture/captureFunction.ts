import { expectPositiveInteger, expectThat, memoryLimit } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import { FunctionCaptures } from './FunctionCaptures.js';

/** Options of `captureFunction`. */
export interface CaptureFunctionOptions {
  /** Captures that are kept, of as many shapes of arguments: 8 by default. */
  cacheSize?: number;
  /**
   * Bytes of memory that one capture may hold as long as it is kept: by default a sixteenth of the memory that this process may
   * have, and 128 MiB at least. A function that takes more is left as it is. In the second call, which compares, its results are there twice.
   */
  maxBytes?: number;
}

/** A function over tensors whose kernels are called without the JavaScript around them. */
export interface CapturedFunction<Arguments extends unknown[], Result> {
  /** Calls it. @returns new tensors, the caller's to dispose */
  (...args: Arguments): Result;
  /** Why it runs as it stands, where it can't be captured; undefined before that is known. */
  problem: () => string | undefined;
  /** Frees what was captured. */
  dispose: () => void;
}

/**
 * Makes of a function over tensors one that gives the same numbers, bit for bit, by its native kernels alone: JavaScript takes
 * half of a training step of a small model. The first call with arguments of some shape captures what it calls
 * (`captureKernels`); the second runs it both ways and compares; from the third on its kernels are called again. A function that
 * gives other numbers then, reads data, changes a variable or a cache, keeps a tensor beside its result or calls a kernel that is
 * JavaScript runs as it stands, on all calls, as it does on another backend, within another captured function and where a gradient
 * is being taken of it. What its first call makes for good, such as a variable or a table, is captured from the next call on.
 *
 * Arguments and results are tensors, or arrays and plain objects of them; numbers among the arguments become scalars. What else
 * the function depends on, JavaScript's numbers and branches, is taken to be the same at each call; what it does beside its
 * result is done in its first two calls alone. Variables are read where they are; with a new tensor in one, it is captured
 * anew.
 *
 * @throws ArgumentError for arguments or results of other kinds; and whatever the function throws
 */
export function captureFunction<Arguments extends unknown[], Result>(
  compute: (...args: Arguments) => Result,
  { cacheSize = 8, maxBytes = mostBytes() }: CaptureFunctionOptions = {},
): CapturedFunction<Arguments, Result> {
  expectThat(typeof compute === 'function', 'captureFunction: compute', 'a function', compute);
  expectPositiveInteger('captureFunction: cacheSize', cacheSize);
  expectPositiveInteger('captureFunction: maxBytes', maxBytes);
  const captures = new FunctionCaptures(compute, { cacheSize, maxBytes });
  const call = (...args: Arguments) => tf.tidy(() => captures.call(args) as tf.TensorContainer) as Result;
  return Object.assign(call, { problem: () => captures.problem, dispose: () => captures.dispose() });
}

function mostBytes(): number {
  const limit = memoryLimit();
  return Math.max(2 ** 27, Number.isFinite(limit) ? Math.floor(limit / 16) : 0);
}
