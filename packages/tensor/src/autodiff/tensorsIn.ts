import * as tf from '@tensorflow/tfjs';

/** The tensors in a value made of plain objects and arrays, in their order. */
export function tensorsIn(value: unknown): tf.Tensor[] {
  const found: tf.Tensor[] = [];
  mapTensors(value, (tensor) => {
    found.push(tensor);
    return tensor;
  });
  return found;
}

/** The same structure with other tensors. What is no plain object, array or tensor is handed on as it is. */
export function mapTensors<Value>(value: Value, replace: (tensor: tf.Tensor) => tf.Tensor): Value {
  if (value instanceof tf.Tensor) return replace(value) as Value;
  if (Array.isArray(value)) return value.map((entry: unknown) => mapTensors(entry, replace)) as Value;
  if (!isPlainObject(value)) return value;
  const entries = Object.entries(value).map(([name, entry]) => [name, mapTensors<unknown>(entry, replace)]);
  return Object.fromEntries(entries) as Value;
}

function isPlainObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
