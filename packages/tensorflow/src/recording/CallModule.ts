import type { TensorForm } from '@scmoe/tensor';

import { attribute, type Attributes, EncodedAttribute } from '../binding/Attribute.js';
import { textField } from '../binding/protobuf.js';

/** A call of a function that the addon has registered with XLA. */
export interface CustomCall {
  /** The name of the function. */
  target: string;
  /** Whole numbers, and lists of them, that it is told beside its arguments. */
  numbers: Readonly<Record<string, number | readonly number[]>>;
  results: readonly TensorForm[];
  /** Inputs, by their places, that the first results may be written over: XLA copies those that somebody still wants. */
  overwrites?: readonly number[];
}

/** The operation of TensorFlow for programs that are written in XLA's own language; ours are nothing but one call. */
export const callModuleOperation = 'XlaCallModule';

/** The program of one call, as an attribute that knows of which call it was made: whoever lowers a recording may make another of it. */
export class CallModule extends EncodedAttribute {
  constructor(
    readonly call: CustomCall,
    readonly inputs: readonly TensorForm[],
  ) {
    super(Uint8Array.from(textField(fieldOfText, programOf(call, inputs))));
  }
}

/** The attributes of the operation for a call on inputs of these forms. */
export function callAttributes(call: CustomCall, inputs: readonly TensorForm[]): Attributes {
  return {
    module: new CallModule(call, inputs),
    version: attribute.int(moduleVersion),
    platforms: attribute.texts(['CPU']),
    Sout: attribute.shapes(call.results.map(({ shape }) => shape)),
    Tout: attribute.types(call.results.map(({ dtype }) => dtype)),
  };
}

/** Bytes of a tensor that a call takes or gives. */
export function bytesOfForm({ dtype, shape }: TensorForm): number {
  return shape.reduce((product, extent) => product * extent, dtype === 'bool' ? 1 : 4);
}

/** How TensorFlow 2.20 and newer read a module; they read older ones as well. */
const moduleVersion = 9;
/** The field of AttrValue for a text. */
const fieldOfText = 2;

const elements: Partial<Record<string, string>> = { float32: 'f32', int32: 'i32', bool: 'i1' };

function programOf({ target, numbers, results, overwrites = [] }: CustomCall, inputs: readonly TensorForm[]): string {
  const described = ({ dtype, shape }: TensorForm) => ({ type: typeOf(shape, elements[dtype]!), rank: shape.length });
  const given = inputs.map(described);
  const made = results.map(described);
  const parameters = given.map(({ type }, i) => `%a${i}: ${type}`).join(', ');
  const values = given.map((_, i) => `%a${i}`).join(', ');
  const types = (all: typeof made) => all.map(({ type }) => type).join(', ');
  const told = Object.entries(numbers).map(([name, value]) => `${name} = ${numberOf(value)}`);
  return `module {
  func.func public @main(${parameters}) -> (${types(made)}) {
    %r${made.length > 1 ? `:${made.length}` : ''} = stablehlo.custom_call @${target}(${values}) {
      api_version = 4 : i32, backend_config = {${told.join(', ')}},
      output_operand_aliases = [${overwrites.map(aliasOf(made.length)).join(', ')}],
      operand_layouts = [${given.map(rowsFirst).join(', ')}], result_layouts = [${made.map(rowsFirst).join(', ')}]
    } : (${types(given)}) -> (${types(made)})
    return ${made.map((_, i) => (made.length > 1 ? `%r#${i}` : '%r')).join(', ')} : ${types(made)}
  }
}`;
}

function numberOf(value: number | readonly number[]): string {
  return typeof value === 'number' ? `${value} : i64` : `array<i64: ${value.join(', ')}>`;
}

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
