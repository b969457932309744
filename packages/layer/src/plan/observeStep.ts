import { mirrorStep, type Step } from '@scmoe/scheduler';
import { isRunningAgain } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import type { PlanObserver } from './PlanObserver.js';

/**
 * Runs one step and tells the observer of it, now and in the backward pass: what goes in and what comes out passes
 * through identities whose gradients tell when it is the turn of the step.
 */
export function observeStep<In extends object, Out extends object>(
  step: Step,
  observer: PlanObserver,
  inputs: In,
  run: (inputs: In) => Out,
): Out {
  const back = mirrorStep(step);
  const phase = isRunningAgain() ? 'recompute' : 'forward';
  // What travels a second time, if anything does, is not what the first pass waited for.
  const tells = phase === 'forward' || step.action === 'run';
  if (tells) observer.begin(step, phase);
  const through = withMarks(inputs, () => observer.end(back, 'backward'));
  const outputs = withMarks(run(through), () => observer.begin(back, 'backward'));
  if (tells) observer.end(step, phase);
  return outputs;
}

/** The same structure with an identity around each float32 tensor, whose gradient calls `onGradient` on its way. */
function withMarks<Value>(value: Value, onGradient: () => void): Value {
  if (value instanceof tf.Tensor) {
    return (value.dtype === 'float32' ? mark(value, onGradient) : value) as Value;
  }
  if (Array.isArray(value)) return value.map((entry: unknown) => withMarks(entry, onGradient)) as Value;
  if (!isPlainObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, entry]) => [name, withMarks(entry, onGradient)]),
  ) as Value;
}

function mark(x: tf.Tensor, onGradient: () => void): tf.Tensor {
  return tf.customGrad((given) => ({
    value: (given as tf.Tensor).clone(),
    gradFunc: (dy: tf.Tensor) => {
      onGradient();
      return dy;
    },
  }))(x);
}

/** A communicator, for one, is handed on as it is. */
function isPlainObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
