import * as tf from '@tensorflow/tfjs';

import type { TapeNode } from './tapePath.js';

/** Where the engine puts what it records. */
type Tape = Pick<TapeNode[], 'push'>;

/** Hears of what runs while nothing is recorded, where somebody has to know who reads what: see `recomputed`. */
let constants: Tape | undefined;
let isConstant = false;

/** Runs `compute` while the engine records nothing: its results are constants to whatever gradient is being taken. */
export function withoutRecording<Result>(compute: () => Result): Result {
  return constants && tf.engine().state.gradientDepth > 0 ? asConstants(constants, compute) : unrecorded(compute);
}

/** The same, and nobody hears of it. */
export function unrecorded<Result>(compute: () => Result): Result {
  const { state } = tf.engine();
  const depth = state.gradientDepth;
  // The engine records nothing at depth 0, so the results have no history.
  state.gradientDepth = 0;
  try {
    return compute();
  } finally {
    state.gradientDepth = depth;
  }
}

/** Whether the engine records operations for a gradient: where not, what only a gradient needs is not kept. */
export function isRecording(): boolean {
  return tf.engine().state.gradientDepth > 0 && !isConstant;
}

/**
 * Runs `compute` while the engine records on `tape`.
 *
 * @param ofConstants gets what runs without being recorded
 */
export function recordingOn<Result>(tape: Tape, compute: () => Result, ofConstants?: Tape): Result {
  const { state } = tf.engine();
  const [outer, outerConstants] = [state.activeTape, constants];
  state.activeTape = tape as typeof state.activeTape;
  state.gradientDepth++;
  constants = ofConstants;
  try {
    return compute();
  } finally {
    state.gradientDepth--;
    state.activeTape = outer;
    constants = outerConstants;
  }
}

function asConstants<Result>(tape: Tape, compute: () => Result): Result {
  const { state } = tf.engine();
  const [outer, wasConstant] = [state.activeTape, isConstant];
  state.activeTape = tape as typeof state.activeTape;
  isConstant = true;
  try {
    return compute();
  } finally {
    isConstant = wasConstant;
    state.activeTape = outer;
  }
}
