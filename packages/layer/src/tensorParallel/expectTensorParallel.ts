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
  const { numHeads, numKvHeads, ffnHidden, qkNorm, latent, gatedDelta, moe } = backbone;
  expectThat(!latent, 'latent', `none on ${ranks}: its latents belong to all heads`, latent);
  expectThat(!gatedDelta, 'gatedDelta', `none on ${ranks}`, gatedDelta);
  expectThat(numHeads % size === 0, 'numHeads', `a number that ${ranks} divide`, numHeads);
  expectThat(numKvHeads % size === 0, 'numKvHeads', `a number that ${ranks} divide`, numKvHeads);
  expectThat(qkNorm !== 'whole', 'qkNorm', `a norm of each head on ${ranks}`, qkNorm);
  expectThat(ffnHidden % size === 0, 'ffnHidden', `a number that ${ranks} divide`, ffnHidden);
  if (!moe?.shared) return;
  expectThat(moe.shared.hidden % size === 0, 'sharedHidden', `a number that ${ranks} divide`, moe.shared.hidden);
}
