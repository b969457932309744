import { isExpertParameter } from '@scmoe/layer';

export interface TrainingOutcome {
  loss: number;
  grads: Record<string, Float32Array>;
  numParameters: number;
}

/**
 * Largest allowed difference in units of a gradient's largest element. The same products row by row, but gradients of
 * weights are sums over tokens in another order, and pass through all blocks: some units of float32's 24 bits. A wrong
 * scale is off by 0.5 or more.
 */
const tolerance = 1e-5;

/**
 * Checks that ranks which share the experts out, one micro-batch each, have trained as one rank does on all of them:
 * experts have the sum of the gradients, everything else is averaged over the ranks.
 *
 * @param outcomes of the ranks
 * @param alone of one rank, of each micro-batch
 * @throws Error naming what differs
 */
export function expectSameTraining(outcomes: readonly TrainingOutcome[], alone: readonly TrainingOutcome[]): void {
  const ranks = outcomes.length;
  outcomes.forEach(({ loss, numParameters }, rank) => {
    if (!(Math.abs(loss - alone[rank]!.loss) < 1e-5))
      throw new Error(`loss of rank ${rank}: expected ${alone[rank]!.loss}, got ${loss}`);
    if (numParameters !== alone[rank]!.numParameters)
      throw new Error(`parameters of rank ${rank}: expected ${alone[rank]!.numParameters}, got ${numParameters}`);
  });

  const names = Object.keys(alone[0]!.grads);
  if (!names.some((name) => isExpertParameter(name))) throw new Error('expected parameters of experts, got none');
  const gradsOf = (all: readonly TrainingOutcome[], name: string) => all.map(({ grads }) => grads[name]!);
  const scale = Math.max(...names.map((name) => largest(alone[0]!.grads[name]!)));
  for (const name of names) {
    const expected = mean(gradsOf(alone, name));
    const actual = isExpertParameter(name)
      ? gradsOf(outcomes, name).flatMap((grad) => Array.from(grad, (value) => value / ranks))
      : mean(gradsOf(outcomes, name));
    if (actual.length !== expected.length)
      throw new Error(`gradient of '${name}': expected ${expected.length} elements, got ${actual.length}`);
    const own = largest(expected);
    // The gradient of a key bias is zero but for rounding.
    const off = largest(expected.map((value, i) => actual[i]! - value)) / (own > 1e-5 * scale ? own : scale);
    if (!(off <= tolerance)) throw new Error(`gradient of '${name}' is off by ${off}`);
  }
}

const largest = (numbers: ArrayLike<number>) =>
  Array.from(numbers).reduce((most, number) => Math.max(most, Math.abs(number)), 0);

const mean = (parts: Float32Array[]) =>
  Array.from(parts[0]!, (_, i) => parts.reduce((sum, part) => sum + part[i]!, 0) / parts.length);
