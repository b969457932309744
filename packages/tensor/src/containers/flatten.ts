import { ArgumentError } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

/** A tensor or a number within arguments or results, and where. */
export interface Leaf {
  readonly path: string;
  readonly value: tf.Tensor | number;
}

/** Tensors and numbers of a container, in order, and what else it is made of. */
export interface Flattened {
  readonly leaves: readonly Leaf[];
  /** Equal for containers that differ in tensors and numbers alone. */
  readonly form: string;
  /** The same container with other tensors in the place of its leaves. */
  rebuild: (tensors: readonly tf.Tensor[]) => unknown;
}

/**
 * Takes a container apart: arrays and plain objects of tensors, numbers, texts, booleans, null and undefined.
 *
 * @param path the container's name in errors
 * @param caller the name of the function that errors are of
 * @throws ArgumentError for anything else, saying where
 */
export function flatten(container: unknown, path: string, caller: string): Flattened {
  const leaves: Leaf[] = [];
  const skeleton = visit(container, { path, caller }, leaves);
  return { leaves, form: JSON.stringify(skeleton), rebuild: (tensors) => rebuilt(skeleton, tensors) };
}

type Skeleton =
  | { leaf: number }
  | { items: Skeleton[] }
  | { entries: [string, Skeleton][] }
  | { constant: string | boolean | null }
  | { nothing: true };

interface Place {
  path: string;
  caller: string;
}

function visit(value: unknown, { path, caller }: Place, leaves: Leaf[]): Skeleton {
  if (value instanceof tf.Tensor || typeof value === 'number') {
    leaves.push({ path, value });
    return { leaf: leaves.length - 1 };
  }
  if (value === undefined) return { nothing: true };
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return { constant: value };
  if (Array.isArray(value))
    return { items: value.map((item, i) => visit(item, { path: `${path}[${i}]`, caller }, leaves)) };
  const prototype: unknown = typeof value === 'object' ? Object.getPrototypeOf(value) : undefined;
  if (prototype === Object.prototype || prototype === null) {
    const entries = Object.entries(value).map(([key, item]): [string, Skeleton] => [
      key,
      visit(item, { path: `${path}.${key}`, caller }, leaves),
    ]);
    return { entries };
  }
  const what = typeof value === 'object' ? `an object of class ${value.constructor.name}` : `a ${typeof value}`;
  throw new ArgumentError(
    `${caller}: ${path}: expected tensors, numbers, texts, booleans, or arrays and plain objects of them, got ${what}`,
  );
}

function rebuilt(skeleton: Skeleton, tensors: readonly tf.Tensor[]): unknown {
  if ('leaf' in skeleton) return tensors[skeleton.leaf];
  if ('items' in skeleton) return skeleton.items.map((item) => rebuilt(item, tensors));
  if ('entries' in skeleton)
    return Object.fromEntries(skeleton.entries.map(([key, item]) => [key, rebuilt(item, tensors)]));
  return 'constant' in skeleton ? skeleton.constant : undefined;
}
