import type { SlicedMatrices } from '@scmoe/tensor';
import type * as tf from '@tensorflow/tfjs';

import type { ParameterPlacement, RankGroups } from '../parallel/RankGroups.js';
import { orthogonalizeOver } from './orthogonalizeOver.js';

/**
 * What `Muon` needs of matrices of which each rank holds a slice: those of experts lie on the ranks that share them in slices, all
 * others on the tensor-parallel group. Every rank makes it, and every update then waits for all of them.
 *
 * @returns undefined where every rank holds whole matrices
 */
export function slicedMatrices(
  groups: Pick<RankGroups, 'tensor' | 'shards'>,
  { isSharded, slicedAxis = () => undefined }: ParameterPlacement,
): SlicedMatrices | undefined {
  const { tensor, shards } = groups;
  if (!tensor && !shards) return undefined;
  const groupOf = (name: string) => (isSharded(name) ? shards : tensor);
  return {
    size: Math.max(tensor?.size ?? 1, shards?.size ?? 1),
    wholeShape: (name, { shape }) => {
      const [axis, group] = [slicedAxis(name), groupOf(name)];
      if (axis === undefined || !group) return undefined;
      return shape.map((extent, i) => (i === axis ? extent * group.size : extent));
    },
    orthogonalize: (slices) => {
      const directions = new Array<tf.Tensor3D>(slices.length);
      for (const group of new Set([tensor, shards])) {
        if (!group) continue;
        const places = slices.flatMap(({ name }, i) => (groupOf(name) === group ? [i] : []));
        const own = places.map((i) => {
          const { name, variable, values } = slices[i]!;
          return { values, axis: slicedAxis(name) === variable.rank - 1 ? ('columns' as const) : ('rows' as const) };
        });
        orthogonalizeOver(group, own).forEach((direction, i) => (directions[places[i]!] = direction));
      }
      return directions;
    },
  };
}
