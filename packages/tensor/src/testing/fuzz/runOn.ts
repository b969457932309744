import * as tf from '@tensorflow/tfjs';

import { makeTensor, type Call } from './Call.js';

export interface Value {
  shape: number[];
  dtype: tf.DataType;
  values: (number | string | Uint8Array)[];
}

/** How a call ended on a backend. */
export interface Outcome {
  values?: Value[];
  error?: Error;
  /** What it left behind: tensors, and data of the backend. */
  left: number;
}

/** Runs a call on a backend. */
export function runOn(backend: string, call: Call): Outcome {
  void tf.setBackend(backend);
  const held = () => tf.memory().numTensors + tf.backend().numDataIds();
  const before = held();
  const end = endOf(call);
  return { ...end, left: held() - before };
}

function endOf(call: Call): Omit<Outcome, 'left'> {
  tf.engine().startScope();
  try {
    return { values: valuesOf(call) };
  } catch (error) {
    return { error: error as Error };
  } finally {
    tf.engine().endScope();
  }
}

function valuesOf(call: Call): Value[] {
  const tensors: Record<string, tf.Tensor> = {};
  for (const [name, operand] of Object.entries(call.operands)) if (operand) tensors[name] = makeTensor(operand);
  const results = [call.run(tensors, call.attributes)].flat();
  return results.map((result) => ({
    shape: result.shape,
    dtype: result.dtype,
    values: Array.from(result.dataSync() as ArrayLike<number | string | Uint8Array>),
  }));
}
