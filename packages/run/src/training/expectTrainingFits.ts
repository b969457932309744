import { expectMemory } from '@scmoe/errors';

import type { RunModel } from './RunModel.js';

/** A parameter, its gradient, and one moment of the optimizer, in float32. */
const bytesPerParameter = 12;

/**
 * Checks, before a batch is made, that training can be in this machine's memory at all. What it needs is more than what is
 * counted here.
 *
 * @throws ArgumentError naming the size of a batch, what training takes at least, and the memory of this machine
 */
export function expectTrainingFits(
  { variables }: Pick<RunModel, 'variables'>,
  { batchSize }: { batchSize: number },
  { unit, unitsEach, leastBytesPerUnit = 0 }: { unit: string; unitsEach: number; leastBytesPerUnit?: number },
): void {
  const numParameters = Object.values(variables).reduce((sum, { size }) => sum + size, 0);
  const bytes = bytesPerParameter * numParameters + batchSize * unitsEach * leastBytesPerUnit;
  const each = unitsEach > 1 ? { [`${unit} each`]: unitsEach } : {};
  expectMemory('training', bytes, { batchSize, ...each, parameters: numParameters });
}
