import * as tf from '@tensorflow/tfjs';

/**
 * The same plain object with tensors of its own, which no tidy frees: for what lasts from one gradient function to a later one.
 * Tensors that are gone already stay as they are.
 */
export function keptApart<Value extends object>(value: Value): { value: Value; dispose: () => void } {
  const own: tf.Tensor[] = [];
  const copy = (entry: unknown): unknown => {
    if (entry instanceof tf.Tensor) {
      if (entry.isDisposed) return entry;
      own.push(tf.keep((entry as tf.Tensor).clone()));
      return own.at(-1);
    }
    if (Array.isArray(entry)) return entry.map(copy);
    if (typeof entry !== 'object' || entry === null || Object.getPrototypeOf(entry) !== Object.prototype) return entry;
    return Object.fromEntries(Object.entries(entry).map(([name, inner]) => [name, copy(inner)]));
  };
  return { value: copy(value) as Value, dispose: () => tf.dispose(own) };
}
