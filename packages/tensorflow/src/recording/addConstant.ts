import { attribute } from '../binding/Attribute.js';
import type { DataType, TensorData } from '../binding/dataTypes.js';
import type { Graph } from '../binding/TensorFlowBinding.js';

/** Elements from which a constant of equal ones becomes a Fill: shorter ones may be shapes, which inference has to see. */
const fillFrom = 64;

/**
 * A constant in a graph.
 *
 * @param data all elements, or the one that they all are
 * @returns its number in the graph
 */
export function addConstant(graph: Graph, dtype: DataType, shape: readonly number[], data: TensorData): number {
  const size = shape.reduce((product, extent) => product * extent, 1);
  if (size === data.length) return graph.constant(dtype, shape, data).id;
  if (size < fillFrom) return graph.constant(dtype, shape, repeated(data, size)).id;
  const dims = graph.constant('int32', [shape.length], Int32Array.from(shape)).id;
  const element = graph.constant(dtype, [], data).id;
  const { outputs } = graph.add('Fill', {
    inputs: [dims, element],
    attributes: { T: attribute.type(dtype), index_type: attribute.type('int32') },
  });
  return outputs[0]!.id;
}

function repeated(data: TensorData, size: number): TensorData {
  const all = new (data.constructor as new (length: number) => TensorData)(size);
  return (all as Float32Array).fill(data[0] as number);
}
