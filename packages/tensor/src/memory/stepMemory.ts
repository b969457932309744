import { ScmoeError } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import { backendName } from '../backend/kernel.js';
import type { ScmoeBackend } from '../backend/ScmoeBackend.js';

/** Memory of tensors, in bytes. */
export interface TensorMemory {
  /** The most that tensors took at one time. */
  peakBytes: number;
  /** What the process takes for it: freed memory is kept by sizes, for tensors of the same size, as far as it is no more than the peak. */
  reservedBytes: number;
}

/** Whether the memory of tensors can be told: on backend `scmoe` alone. */
export function canMeasureMemory(): boolean {
  return tf.getBackend() === backendName;
}

/**
 * The memory that the tensors of a step take, beside those from before.
 *
 * A dry run finds it without computing: kernels do nothing, so that the same allocations happen in the same order, in memory
 * that is never touched. So a step is measured that is larger than the machine, in the time of TF.js alone. What is in tensors from
 * before is read and stays; what is in new ones is undefined, and of experts every one is given as many rows.
 *
 * The caller sees to it that nothing else uses TF.js meanwhile, and that what a step makes once and keeps (tables of
 * positions, say) is there already.
 *
 * @param step disposes all tensors that it makes, and updates no variable from before
 * @throws ScmoeError on another backend, within another step or a capture, and where the step leaves tensors behind
 */
export async function stepMemory(
  step: () => void | Promise<void>,
  { isDry = true }: { isDry?: boolean } = {},
): Promise<TensorMemory> {
  if (!canMeasureMemory())
    throw new ScmoeError(`stepMemory: expected the backend ${backendName}, got ${tf.getBackend() || 'none'}`);
  const { peakBytesInUse, peakResidentBytes } = await (tf.backend() as ScmoeBackend).runApart(step, { isDry });
  return { peakBytes: peakBytesInUse, reservedBytes: Math.max(peakBytesInUse, peakResidentBytes) };
}

/**
 * The memory of the tensors that there are: `bytes` now, the most since the process began, and what the process has for them.
 * Undefined on another backend than `scmoe`.
 */
export function tensorMemory(): (TensorMemory & { bytes: number }) | undefined {
  if (!canMeasureMemory()) return undefined;
  const { bytesInUse, peakBytesInUse, bytesCached, bytesEmptied } = (tf.backend() as ScmoeBackend).poolStatistics();
  return { bytes: bytesInUse, peakBytes: peakBytesInUse, reservedBytes: bytesInUse + bytesCached - bytesEmptied };
}

/** Gives memory that freed tensors have left back to the system; it is gone when the garbage collector has come by. */
export function freeTensorCache(): void {
  if (canMeasureMemory()) (tf.backend() as ScmoeBackend).freeCache();
}
