import { StoredWeight } from './StoredWeight.js';
import { TransposedWeight } from './TransposedWeight.js';

/** Whether an entry of the backend is a weight that has this shape for its kernels. */
export function hasShape(entry: unknown, shape: readonly number[]): entry is StoredWeight | TransposedWeight {
  return (entry instanceof StoredWeight || entry instanceof TransposedWeight) && entry.hasShape(shape);
}

/**
 * The weights of one kernel in panels: undefined where none of them is, and where one is in order. What still lies transposed
 * is settled then, for a kernel reads all of its weights the same way.
 */
export function panelsOf(weights: readonly (StoredWeight | TransposedWeight)[]): StoredWeight[] | undefined {
  const isInPanels = (weight: StoredWeight | TransposedWeight) => weight instanceof StoredWeight || weight.settled;
  const isLying = (weight: StoredWeight | TransposedWeight) => weight instanceof TransposedWeight && weight.transposed;
  if (!weights.some(isInPanels) || !weights.every((weight) => isInPanels(weight) || isLying(weight))) return undefined;
  return weights.map((weight) => {
    if (weight instanceof StoredWeight) return weight;
    weight.settle();
    return weight.settled!;
  });
}
