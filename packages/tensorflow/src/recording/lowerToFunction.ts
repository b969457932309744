import { attribute } from '../binding/Attribute.js';
import type { OperationInput, TensorFlowBinding } from '../binding/TensorFlowBinding.js';
import { addConstant } from './addConstant.js';
import { digestOf } from './digestOf.js';
import type { RecordedInput, RecordedValue, Recording, ValueId } from './Recording.js';

/** A function of a recording, and what it takes, in this order, at each call. */
export interface LoweredFunction {
  /** The name by which it is run and removed. */
  readonly name: string;
  /** Tensors: inputs that are arguments or captured. */
  readonly tensors: readonly RecordedInput[];
  /** Then resource variables, by their number in the recording: those that are read or get a new value. */
  readonly variables: readonly number[];
}

/**
 * Makes a function of TensorFlow of a recording. Variables are resources that it reads before and assigns after all else, so that
 * XLA may write their new values over the old ones; its outputs are the recording's results.
 */
export function lowerToFunction(binding: TensorFlowBinding, recording: Recording): LoweredFunction {
  const graph = binding.createGraph();
  try {
    const idOf = new Map<ValueId, number>();
    const { inputs, constants, nodes } = recording;
    const values: RecordedValue[] = [...inputs, ...constants, ...nodes.flatMap(({ outputs }) => outputs)];
    const dtypeOf = new Map(values.map(({ value, dtype }) => [value, dtype]));
    const mapped = (input: OperationInput): OperationInput =>
      typeof input === 'number' ? idOf.get(input)! : input.map((value) => idOf.get(value)!);

    const tensors = inputs.filter(({ source }) => source !== 'variable');
    const placeholders = tensors.map(({ value, dtype, shape }) => {
      const { id } = graph.placeholder(dtype, shape);
      idOf.set(value, id);
      return id;
    });
    const resources = new Map<number, number>();
    const resourceOf = (index: number) => {
      if (!resources.has(index)) resources.set(index, graph.placeholder('resource', []).id);
      return resources.get(index)!;
    };
    const reads = new Map<number, number>();
    for (const { source, value, index, dtype, shape } of inputs) {
      if (source !== 'variable') continue;
      const attributes = { dtype: attribute.type(dtype) };
      const { id, outputs } = graph.add('ReadVariableOp', { inputs: [resourceOf(index)], attributes });
      idOf.set(value, graph.setShape(outputs[0]!.id, shape).id);
      reads.set(index, id);
    }
    for (const { value, dtype, shape, data } of constants) idOf.set(value, addConstant(graph, dtype, shape, data));
    for (const { operation, attributes, inputs: read, outputs } of nodes) {
      const made = graph.add(operation, { inputs: read.map(mapped), attributes });
      outputs.forEach(({ value }, i) => idOf.set(value, made.outputs[i]!.id));
    }
    const effects = recording.updates.map(({ index, value }) => {
      const attributes = { dtype: attribute.type(dtypeOf.get(value)!) };
      const after = reads.has(index) ? [reads.get(index)!] : [];
      return graph.add('AssignVariableOp', { inputs: [resourceOf(index), idOf.get(value)!], attributes, after }).id;
    });
    // A function's argument can't be its output, and neither can one value be two of them.
    const results = recording.results.map((value) => {
      const attributes = { T: attribute.type(dtypeOf.get(value)!) };
      return graph.add('Identity', { inputs: [idOf.get(value)!], attributes }).outputs[0]!.id;
    });
    const all = [...placeholders, ...resources.values()];
    const name = graph.toFunction({ name: `step_${digestOf(recording)}`, inputs: all, outputs: results, effects });
    return { name, tensors, variables: [...resources.keys()] };
  } finally {
    graph.delete();
  }
}
