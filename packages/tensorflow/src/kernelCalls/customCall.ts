import type { TensorForm } from '@scmoe/tensor';
import type * as tf from '@tensorflow/tfjs';

import { attribute } from '../binding/Attribute.js';
import type { TensorFlowBackend } from '../backend/TensorFlowBackend.js';

/** A call of a function that the addon has registered with XLA. */
export interface CustomCall {
  /** The name of the function. */
  target: string;
  /** Whole numbers that it is told beside its arguments. */
  numbers: Readonly<Record<string, number>>;
  results: readonly TensorForm[];
  /** Inputs, by their places, that the first results may be written over: XLA copies those that somebody still wants. */
  overwrites?: readonly number[];
}

/**
 * One call of a function from outside, as an operation of a step that XLA compiles: TensorFlow has one for programs that are written
 * in XLA's own language, and ours is nothing but the call.
 */
export function customCall(
  backend: TensorFlowBackend,
  { target, numbers, results, overwrites = [] }: CustomCall,
  inputs: readonly tf.TensorInfo[],
): tf.TensorInfo[] {
  const described = ({ dtype, shape }: Pick<tf.TensorInfo, 'dtype'> & { shape: readonly number[] }) => ({
    type: typeOf(shape, elements[dtype]!),
    rank: shape.length,
  });
  const given = inputs.map(described);
  const made = results.map(described);
  const parameters = given.map(({ type }, i) => `%a${i}: ${type}`).join(', ');
  const values = given.map((_, i) => `%a${i}`).join(', ');
  const types = (all: typeof made) => all.map(({ type }) => type).join(', ');
  const told = Object.entries(numbers).map(([name, value]) => `${name} = ${value} : i64`);
  const module = `module {
  func.func public @main(${parameters}) -> (${types(made)}) {
    %r${made.length > 1 ? `:${made.length}` : ''} = stablehlo.custom_call @${target}(${values}) {
      api_version = 4 : i32, backend_config = {${told.join(', ')}},
      output_operand_aliases = [${overwrites.map(aliasOf(made.length)).join(', ')}],
      operand_layouts = [${given.map(rowsFirst).join(', ')}], result_layouts = [${made.map(rowsFirst).join(', ')}]
    } : (${types(given)}) -> (${types(made)})
    return ${made.map((_, i) => (made.length > 1 ? `%r#${i}` : '%r')).join(', ')} : ${types(made)}
  }
}`;
  return backend.runAll('XlaCallModule', [inputs], {
    module,
    version: attribute.int(moduleVersion),
    platforms: attribute.texts(['CPU']),
    Sout: attribute.shapes(results.map(({ shape }) => shape)),
    Tout: attribute.types(results.map(({ dtype }) => dtype)),
  });
}

/** How TensorFlow 2.20 and newer read a module; they read older ones as well. */
const moduleVersion = 9;

const elements: Partial<Record<tf.DataType, string>> = { float32: 'f32', int32: 'i32', bool: 'i1' };

function typeOf(shape: readonly number[], element: string): string {
  return `tensor<${shape.map((size) => `${size}x`).join('')}${element}>`;
}

function aliasOf(numResults: number): (operand: number, result: number) => string {
  return (operand, result) =>
    `#stablehlo.output_operand_alias<output_tuple_indices = [${numResults > 1 ? result : ''}], operand_index = ${operand}, ` +
    'operand_tuple_indices = []>';
}

/** The layout that every tensor of ours has, and without which XLA might choose another. */
function rowsFirst({ rank }: { rank: number }): string {
  const axes = Array.from({ length: rank }, (_, i) => rank - 1 - i);
  return `dense<[${axes.join(', ')}]> : tensor<${rank}xindex>`;
}
