import type { StoredParameters } from '../stored/openLanguageModel.js';
import type { KeptExperts } from './chooseExperts.js';

/**
 * What becomes of an expert that goes. `remove`: it is taken out, and the router chooses and normalises among the rest, as if
 * its logit were -infinity. `zero`: router and weights stay as they are and the expert answers with zeros, as in arXiv
 * 2405.16646: what it would have added is missing. It makes nothing smaller.
 */
export type PruneMode = 'remove' | 'zero';

/**
 * Parameters, or the state of an optimizer (`<slot>.<parameter>`), without the experts that go: those of the experts, the
 * routers' columns, the correction biases. Those that stay come in the order that is given, which may be another than before.
 * All others are handed on as they are; what is stored is not changed.
 *
 * @param numExperts with a feed-forward network, before; the routers' columns of zero experts, which come after, stay
 */
export function prunedTensors(
  stored: StoredParameters,
  kept: KeptExperts,
  { numExperts, mode = 'remove' }: { numExperts: number; mode?: PruneMode },
): StoredParameters {
  return Object.fromEntries(
    Object.entries(stored).map(([name, tensor]) => {
      const part = /(?:^|\.)(block\d+)\.(experts\.|router\.(?:weight|similarity|noise|correctionBias)$)/.exec(name);
      const ids = part && kept[part[1]!];
      if (!ids) return [name, tensor];
      const isExpert = part[2] === 'experts.';
      if (mode === 'zero') return [name, isExpert ? zeroed(tensor, ids) : tensor];
      const axis = isExpert ? 0 : tensor.shape.length - 1;
      const zeroExperts = Array.from({ length: tensor.shape[axis]! - numExperts }, (_, z) => numExperts + z);
      return [name, selected(tensor, axis, [...ids, ...zeroExperts])];
    }),
  );
}

type StoredTensor = StoredParameters[string];

/** The entries `ids` of an axis, in this order. */
function selected(tensor: StoredTensor, axis: number, ids: readonly number[]): StoredTensor {
  const { data, shape } = tensor;
  const inner = shape.slice(axis + 1).reduce((product, size) => product * size, 1);
  const outer = shape.slice(0, axis).reduce((product, size) => product * size, 1);
  const size = shape[axis]!;
  const values = new Float32Array(outer * ids.length * inner);
  for (let o = 0; o < outer; o++) {
    for (const [place, id] of ids.entries()) {
      const begin = (o * size + id) * inner;
      values.set((data as Float32Array).subarray(begin, begin + inner), (o * ids.length + place) * inner);
    }
  }
  return { ...tensor, data: values, shape: [...shape.slice(0, axis), ids.length, ...shape.slice(axis + 1)] };
}

/** Zeros in place of all experts but `ids`. */
function zeroed(tensor: StoredTensor, ids: readonly number[]): StoredTensor {
  const { data, shape } = tensor;
  const size = data.length / shape[0]!;
  const values = new Float32Array(data.length);
  for (const id of ids) values.set((data as Float32Array).subarray(id * size, (id + 1) * size), id * size);
  return { ...tensor, data: values };
}
