import * as tf from '@tensorflow/tfjs';

import type { Draw } from './Draw.js';
import type { Operand } from './Operand.js';

export type Operands = Record<string, Operand | undefined>;
export type Attributes = Record<string, unknown>;
type Result = tf.Tensor | tf.Tensor[];

/** A call of TF.js or of ours with all its arguments. */
export interface Call {
  /** Name of the kernel or the function. */
  name: string;
  operands: Operands;
  attributes: Attributes;
  run: (tensors: Record<string, tf.Tensor>, attributes: Attributes) => Result;
  /** One of our own functions: where the composed one would make something of odd arguments, ours may refuse them. */
  isOurs?: boolean;
  /** Only `scmoe` has the kernel, and nothing says what its arguments give: the call must end, well or in an error. */
  isAlone?: boolean;
}

/** Draws calls that make sense, which reach `kernel`. */
export interface Generator {
  kernel: string;
  draw: (draw: Draw) => Call;
}

/** The kernel itself, past the checks of the functions that call it. */
export function kernelCall(name: string, operands: Operands, attributes: Attributes = {}): Call {
  return {
    name,
    operands,
    attributes,
    run: (tensors, given) => tf.engine().runKernel(name, tensors, given as tf.NamedAttrMap),
  };
}

/** A kernel whose inputs are a list. */
export function listKernelCall(name: string, operands: Operand[], attributes: Attributes = {}): Call {
  return {
    name,
    operands: Object.fromEntries(operands.entries()),
    attributes,
    run: (tensors, given) =>
      tf.engine().runKernel(name, Object.values(tensors) as unknown as tf.NamedTensorMap, given as tf.NamedAttrMap),
  };
}

/** A kernel whose input `listName` is a list of tensors, of which operand `splits` is the one. */
export function raggedCall(name: string, listName: string, operands: Operands, attributes: Attributes): Call {
  return {
    name,
    operands,
    attributes,
    run: ({ splits, ...rest }, given) => {
      const inputs = { ...rest, [listName]: [splits] } as unknown as tf.NamedTensorMap;
      return tf.engine().runKernel(name, inputs, given as tf.NamedAttrMap);
    },
  };
}

export function makeTensor({ shape, dtype, values }: Operand): tf.Tensor {
  if (dtype !== 'complex64') return tf.tensor(values, shape, dtype);
  const part = (which: number) =>
    tf.tensor(
      (values as number[]).filter((_, i) => i % 2 === which),
      shape,
    );
  return tf.complex(part(0), part(1));
}

/** A call as somebody reads it who has to find out what differed. */
export function callText({ name, operands, attributes }: Call): string {
  const given = Object.entries(operands).flatMap(([key, operand]) =>
    operand ? [`${key}: ${operandText(operand)}`] : [],
  );
  const set = Object.entries(attributes).map(([key, value]) => `${key} = ${attributeText(value)}`);
  return `${name}(${[...given, ...set].join(', ')})`;
}

function operandText({ shape, dtype, values }: Operand): string {
  const shown = values.length <= 12 ? ` [${values.join(' ')}]` : '';
  return `${dtype} (${shape.join(', ')})${shown}`;
}

function attributeText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(attributeText).join(', ')}]`;
  return typeof value === 'string' ? `'${value}'` : String(value);
}
