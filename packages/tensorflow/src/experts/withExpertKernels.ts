import { findAddon } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import type { TensorFlowBinding } from '../binding/TensorFlowBinding.js';
import { backendName } from '../backend/kernel.js';
import type { TensorFlowBackend } from '../backend/TensorFlowBackend.js';
import { expertKernels } from './expertKernels.js';

/**
 * Runs what is being recorded for XLA with the kernels of experts there are from outside, where there are: on the CPU, in float32.
 * Only then: TensorFlow itself, one operation after another, can't call them.
 */
export function withExpertKernels<Result>(backend: TensorFlowBackend, run: () => Result): Result {
  if (!canCallExperts(backend)) return run();
  for (const config of expertKernels) tf.registerKernel(config);
  try {
    return run();
  } finally {
    for (const { kernelName } of expertKernels) tf.unregisterKernel(kernelName, backendName);
  }
}

function canCallExperts({ tensorFlow, products }: TensorFlowBackend): boolean {
  if (products !== 'float32' || process.env['SCMOE_EXPERT_CALLS'] === '0') return false;
  return expertCallsProblem(tensorFlow) === undefined;
}

const problems = new WeakMap<TensorFlowBinding, { problem: string | undefined }>();

/** Why compiled steps compute experts in blocks, without the kernels of @scmoe/tensor; undefined where they have these. */
export function expertCallsProblem(tensorFlow: TensorFlowBinding): string | undefined {
  let found = problems.get(tensorFlow);
  if (found === undefined) problems.set(tensorFlow, (found = { problem: connect(tensorFlow) }));
  return found.problem;
}

function connect(tensorFlow: TensorFlowBinding): string | undefined {
  if (tensorFlow.device.type !== 'CPU') return 'these kernels are for the CPU';
  const { addon, problem, path } = findAddon();
  if (problem !== undefined) return problem;
  const refusal = tensorFlow.registerExpertCalls(path);
  if (refusal !== undefined) return refusal;
  const { threads } = tensorFlow;
  if (threads !== undefined) (addon as { setThreads(call: { count: number }): void }).setThreads({ count: threads });
  return undefined;
}
