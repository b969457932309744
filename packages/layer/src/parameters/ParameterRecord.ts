import { ArgumentError } from '@scmoe/errors';
import type * as tf from '@tensorflow/tfjs';

/** Parameters by name, nested by dots: `attn1.wq`, `experts.w1`, `mix.weight`. Tensors or variables. */
export type ParameterRecord = Readonly<Record<string, tf.Tensor>>;

/** The parameters below `prefix`, without it: of `{'attn1.wq': t}` below `attn1`, `{wq: t}`. */
export function below(parameters: ParameterRecord, prefix: string): ParameterRecord {
  const start = `${prefix}.`;
  const found: Record<string, tf.Tensor> = {};
  for (const name in parameters) {
    if (name.startsWith(start)) found[name.slice(start.length)] = parameters[name]!;
  }
  return found;
}

/**
 * The parameter `name`.
 * @throws ArgumentError naming it, and those that exist, where it is missing.
 */
export function parameter<T extends tf.Tensor = tf.Tensor>(parameters: ParameterRecord, name: string): T {
  const found = parameters[name];
  if (!found)
    throw new ArgumentError(`parameter '${name}' is missing; got ${Object.keys(parameters).join(', ') || 'none'}`);
  return found as T;
}
