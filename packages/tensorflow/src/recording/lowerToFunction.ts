import { attribute } from '../binding/Attribute.js';
import type { OperationInput, TensorFlowBinding } from '../binding/TensorFlowBinding.js';
import { addConstant } from './addConstant.js';
import { digestOf } from './digestOf.js';
import { PackedValues, type PackedUpdate } from './PackedValues.js';
import { type Packing, unpacked } from './Packing.js';
import type { RecordedInput, RecordedValue, Recording, ValueId } from './Recording.js';

/** A function of a recording, and what it takes, in this order, at each call. */
export interface LoweredFunction {
  /** The name by which it is run and removed. */
  readonly name: string;
  /** Tensors: inputs that are arguments or captured. */
  readonly tensors: readonly RecordedInput[];
  /** Then resource variables, by their number in the recording: those that are read or get a new value and lie in no pack. */
  readonly variables: readonly number[];
  /** Then packs, by their number. */
  readonly packs: readonly number[];
}

/**
 * Makes a function of TensorFlow of a recording. Variables are resources that it reads before and assigns after all else, so that
 * XLA may write their new values over the old ones; its outputs are the recording's results.
 *
 * @param packing which variables lie together
 */
export function lowerToFunction(
  binding: TensorFlowBinding,
  recording: Recording,
  packing: Packing = unpacked,
): LoweredFunction {
  const graph = binding.createGraph();
  try {
    const idOf = new Map<ValueId, number>();
    const packed = new PackedValues(graph, packing, idOf);
    const { inputs, constants, nodes } = recording;
    const values: RecordedValue[] = [...inputs, ...constants, ...nodes.flatMap(({ outputs }) => outputs)];
    const dtypeOf = new Map(values.map(({ value, dtype }) => [value, dtype]));
    const mapped = (input: OperationInput): OperationInput =>
      typeof input === 'number' ? packed.idOf(input) : input.map((value) => packed.idOf(value));

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
    for (const input of inputs) {
      const { source, value, index, dtype, shape } = input;
      if (source !== 'variable') continue;
      const place = packing.places[index];
      if (place) {
        packed.read(input, place);
        continue;
      }
      const attributes = { dtype: attribute.type(dtype) };
      const { id, outputs } = graph.add('ReadVariableOp', { inputs: [resourceOf(index)], attributes });
      idOf.set(value, graph.setShape(outputs[0]!.id, shape).id);
      reads.set(index, id);
    }
    for (const { value, dtype, shape, data } of constants) idOf.set(value, addConstant(graph, dtype, shape, data));
    for (const node of nodes) {
      if (packed.addCall(node)) continue;
      const { operation, attributes, inputs: read, outputs } = node;
      const made = graph.add(operation, { inputs: read.map(mapped), attributes });
      outputs.forEach(({ value }, i) => idOf.set(value, made.outputs[i]!.id));
    }
    const effects = recording.updates.flatMap(({ index, value }) => {
      if (packing.places[index]) return [];
      const attributes = { dtype: attribute.type(dtypeOf.get(value)!) };
      const after = reads.has(index) ? [reads.get(index)!] : [];
      return graph.add('AssignVariableOp', { inputs: [resourceOf(index), packed.idOf(value)], attributes, after }).id;
    });
    const inPacks = recording.updates.flatMap(({ index, value }): PackedUpdate[] => {
      const place = packing.places[index];
      return place ? [{ place, value }] : [];
    });
    // A function's argument can't be its output, and neither can one value be two of them.
    const results = recording.results.map((value) => {
      const attributes = { T: attribute.type(dtypeOf.get(value)!) };
      return graph.add('Identity', { inputs: [packed.idOf(value)], attributes }).outputs[0]!.id;
    });
    effects.push(...packed.assign(inPacks));
    const packs = packed.resources;
    const all = [...placeholders, ...resources.values(), ...packs.values()];
    const name = graph.toFunction({
      name: `step_${digestOf(recording, packing)}`,
      inputs: all,
      outputs: results,
      effects,
    });
    return { name, tensors, variables: [...resources.keys()], packs: [...packs.keys()] };
  } finally {
    graph.delete();
  }
}
