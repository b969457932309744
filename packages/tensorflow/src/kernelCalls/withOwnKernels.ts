import { findAddon } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import type { TensorFlowBinding } from '../binding/TensorFlowBinding.js';
import { backendName } from '../backend/kernel.js';
import type { TensorFlowBackend } from '../backend/TensorFlowBackend.js';
import { ownKernels } from './ownKernels.js';

/**
 * Runs what is being recorded for XLA with the kernels of @scmoe/tensor, where there are: on the CPU, in float32.
 * Only then: TensorFlow itself, one operation after another, can't call them.
 */
export function withOwnKernels<Result>(backend: TensorFlowBackend, run: () => Result): Result {
  if (!canCallKernels(backend)) return run();
  for (const config of ownKernels) tf.registerKernel(config);
  try {
    return run();
  } finally {
    for (const { kernelName } of ownKernels) tf.unregisterKernel(kernelName, backendName);
  }
}

function canCallKernels({ tensorFlow, products }: TensorFlowBackend): boolean {
  if (products !== 'float32' || process.env['SCMOE_KERNEL_CALLS'] === '0') return false;
  return kernelCallsProblem(tensorFlow) === undefined;
}

const problems = new WeakMap<TensorFlowBinding, { problem: string | undefined }>();

/** Why compiled steps do without the kernels of @scmoe/tensor; undefined where they have these. */
export function kernelCallsProblem(tensorFlow: TensorFlowBinding): string | undefined {
  let found = problems.get(tensorFlow);
  if (found === undefined) problems.set(tensorFlow, (found = { problem: connect(tensorFlow) }));
  return found.problem;
}

function connect(tensorFlow: TensorFlowBinding): string | undefined {
  if (tensorFlow.device.type !== 'CPU') return 'these kernels are for the CPU';
  const { addon, problem, path } = findAddon();
  if (problem !== undefined) return problem;
  const refusal = tensorFlow.registerKernelCalls(path);
  if (refusal !== undefined) return refusal;
  const { threads } = tensorFlow;
  if (threads !== undefined) (addon as { setThreads(call: { count: number }): void }).setThreads({ count: threads });
  return undefined;
}
