import type { SlicedMatrices } from '@scmoe/tensor';

import type { ParameterPlacement, RankGroups } from '../parallel/RankGroups.js';
import { orthogonalizeOver } from './orthogonalizeOver.js';

/**
 * What `Muon` needs of matrices of which each rank holds a slice: those of experts lie on the ranks that share them in slices, all
 * others on the tensor-parallel group. Every rank makes it, and every update then waits for all of them.
 *
 * @returns one for each group; none where every rank holds whole matrices
 */
export function slicedMatrices(
  { tensor, shards }: Pick<RankGroups, 'tensor' | 'shards'>,
  { isSharded, slicedAxis = () => undefined }: ParameterPlacement,
): SlicedMatrices[] {
  const groupOf = (name: string) => (isSharded(name) ? shards : tensor);
  const groups = [...new Set([tensor, shards])].flatMap((group) => group ?? []);
  return groups.map((group) => ({
    size: group.size,
    wholeShape: (name, { shape }) => {
      const axis = slicedAxis(name);
      if (axis === undefined || groupOf(name) !== group) return undefined;
      return shape.map((extent, i) => (i === axis ? extent * group.size : extent));
    },
    orthogonalize: (slices) =>
      orthogonalizeOver(
        group,
        slices.map(({ name, variable, values }) => ({
          values,
          axis: slicedAxis(name) === variable.rank - 1 ? 'columns' : 'rows',
        })),
      ),
  }));
}
