import type { TensorInfo } from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import { mergedLinearBackwardKernel, mergedLinearKernel, type MergedLinearAttributes } from '../../ops/mergedLinear.js';
import { costlyKernel } from '../costlyKernel.js';
import { kernel } from '../kernel.js';
import { rowsOf } from './elements.js';
import { runLinear } from './linear.js';

/** x, the weights of all layers, and their biases, or gradients of their results. */
type Inputs = [x: TensorInfo, ...others: TensorInfo[]];

/** Lists in the order of the layers, and the sizes that both passes have. */
function layersOf([x, ...others]: Inputs, { numLayers: count }: Pick<MergedLinearAttributes, 'numLayers'>) {
  const weights = others.slice(0, count);
  const outputs = weights.map(({ shape }) => shape[1]!);
  return { weights, rest: others.slice(count), sizes: { rows: rowsOf(x), dIn: x.shape.at(-1)!, count, outputs } };
}

export const mergedLinearKernels = [
  costlyKernel<Inputs, MergedLinearAttributes>(mergedLinearKernel, (backend, inputs, attributes) => {
    const [x] = inputs;
    const { weights, rest: biases, sizes } = layersOf(inputs, attributes);
    const isKept = (weight: TensorInfo) => backend.stored(weight) ?? backend.transposed(weight);
    // What is kept in fewer bytes, or as it lies in a file, has products of its own.
    if (!attributes.keepForGradient && weights.some(isKept)) {
      const alone = { activation: 'none', float32: false, keepForGradient: false } as const;
      return weights.flatMap((weight, i) => runLinear(backend, { x, weight, bias: biases[i] }, alone));
    }
    const results = sizes.outputs.map((dOut) => backend.output([...x.shape.slice(0, -1), dOut]));
    const floats = (tensors: TensorInfo[]) => tensors.map((tensor) => backend.floats(tensor));
    loadAddon().mergedLinearForward({
      ...sizes,
      x: backend.floats(x),
      weights: floats(weights),
      numBiases: biases.length,
      biases: floats(biases),
      y: floats(results),
    });
    return results;
  }),
  kernel<Inputs, Pick<MergedLinearAttributes, 'numLayers'>>(
    mergedLinearBackwardKernel,
    (backend, inputs, attributes) => {
      const [x] = inputs;
      const { weights, rest: dys, sizes } = layersOf(inputs, attributes);
      const dx = backend.output(x.shape);
      const dWeights = weights.map(({ shape }) => backend.output(shape));
      const dBiases = sizes.outputs.map((dOut) => backend.output([dOut]));
      const floats = (tensors: TensorInfo[]) => tensors.map((tensor) => backend.floats(tensor));
      loadAddon().mergedLinearBackward({
        ...sizes,
        x: backend.floats(x),
        weights: floats(weights),
        dy: floats(dys),
        dx: backend.floats(dx),
        dWeights: floats(dWeights),
        dBiases: floats(dBiases),
      });
      return [dx, ...dWeights, ...dBiases];
    },
  ),
];
