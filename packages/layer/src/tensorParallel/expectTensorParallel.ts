import { expectPositiveInteger, expectThat } from '@scmoe/errors';

import type { ResolvedBackbone } from '../config/BackboneConfig.js';
import type { ResolvedExperts } from '../config/MoeConfig.js';
import type { TensorShard } from './TensorGroup.js';

/**
 * Checks that a block can be cut into as many slices as a tensor-parallel group has ranks.
 *
 * @throws ArgumentError naming the option that stands against it
 */
export function expectTensorParallel(
  backbone: ResolvedBackbone & { moe?: ResolvedExperts },
  { rank, size }: TensorShard,
): void {
  expectPositiveInteger('tensor.size', size);
  const isRank = Number.isInteger(rank) && rank >= 0 && rank < size;
  expectThat(isRank, 'tensor.rank', `a rank of the tensor-parallel group, 0 to ${size - 1}`, rank);
  if (size === 1) return;
  const ranks = `the ${size} ranks of a tensor-parallel group`;
  const { numHeads, numKvHeads, ffnHidden, latent, gatedDelta, moe } = backbone;
  const divides = (option: string, number: number) =>
    expectThat(number % size === 0, option, `a number that ${ranks} divide`, number);
  if (gatedDelta) {
    divides('gatedDelta.numKeyHeads', gatedDelta.numKeyHeads);
  } else {
    divides('numHeads', numHeads);
    // Latents belong to all heads alike.
    if (!latent) divides('numKvHeads', numKvHeads);
  }
  divides('ffnHidden', ffnHidden);
  if (moe?.shared) divides('sharedHidden', moe.shared.hidden);
}
