import type { TensorFlowFunctions } from '@scmoe/native/signatures';

import { attribute } from './Attribute.js';
import { type DataType, type TensorData } from './dataTypes.js';
import { encodeCall } from './encodeCall.js';
import type { Results } from './Results.js';
import type {
  Graph,
  GraphFunctionOptions,
  GraphOperation,
  GraphOperationOptions,
  GraphTensor,
} from './TensorFlowBinding.js';

/** How often each name was given. */
const given = new Map<string, number>();

/** Copies of this module that were loaded before: their functions' names are others, for TensorFlow is one for all. */
const copy = (() => {
  const shared = globalThis as unknown as Record<symbol, number>;
  const key = Symbol.for('@scmoe/tensorflow: copies');
  const before = shared[key] ?? 0;
  shared[key] = before + 1;
  return before;
})();

/** A graph in the addon. */
export class NativeGraph implements Graph {
  readonly #native: TensorFlowFunctions;
  readonly #results: Results;
  readonly #graph: number;

  constructor(native: TensorFlowFunctions, results: Results) {
    this.#native = native;
    this.#results = results;
    this.#graph = native.tfGraphCreate();
  }

  add(
    operation: string,
    { inputs = [], attributes, after = [], name = '' }: GraphOperationOptions = {},
  ): GraphOperation {
    const count = this.#native.tfGraphAdd({
      graph: this.#graph,
      name,
      ...encodeCall(operation, inputs, attributes),
      after: Int32Array.from(after),
      numAfter: after.length,
      ...this.#results.arguments(),
    });
    const id = this.#results.number();
    return { id, outputs: Array.from({ length: count }, () => this.#results.description()) };
  }

  placeholder(dtype: DataType, shape: readonly number[]): GraphTensor {
    return this.#one('Placeholder', { dtype: attribute.type(dtype), shape: attribute.shape(shape) });
  }

  constant(dtype: DataType, shape: readonly number[], data: TensorData): GraphTensor {
    return this.#one('Const', { dtype: attribute.type(dtype), value: attribute.tensor(dtype, shape, data) });
  }

  setShape(id: number, shape: readonly number[]): GraphTensor {
    this.#native.tfGraphSetShape({ graph: this.#graph, output: id, dims: shape, ...this.#results.arguments() });
    return this.#results.description();
  }

  toFunction({ name, inputs, outputs, effects = [] }: GraphFunctionOptions): string {
    const count = given.get(name) ?? 0;
    given.set(name, count + 1);
    // The same in every process that makes the same functions: by its name XLA finds what it has kept of one.
    const unique = `${name}_${copy}_${count}`;
    this.#native.tfGraphToFunction({
      graph: this.#graph,
      name: unique,
      inputs: Int32Array.from(inputs),
      numInputs: inputs.length,
      outputs: Int32Array.from(outputs),
      numOutputs: outputs.length,
      effects: Int32Array.from(effects),
      numEffects: effects.length,
    });
    return unique;
  }

  delete(): void {
    this.#native.tfGraphDelete({ graph: this.#graph });
  }

  #one(operation: string, attributes: NonNullable<GraphOperationOptions['attributes']>): GraphTensor {
    return this.add(operation, { attributes }).outputs[0]!;
  }
}
