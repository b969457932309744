import type { Dispatcher, ExpertShard } from '@scmoe/layer';
import { RandomStream, valueAndGrads } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { Vit } from '../vit/Vit.js';
import type { VitConfig } from '../vit/VitConfig.js';
import type { TrainingOutcome } from './expectSameTraining.js';

const small = { imageSize: 8, patchSize: 4, numClasses: 3, dModel: 16, numHeads: 2, ffnHidden: 24 };

/** Models whose experts two ranks share out. */
export const vitCases: Record<string, VitConfig> = {
  'scmoe in pairs, dropless': {
    ...small,
    numLayers: 4,
    moe: { kind: 'scmoe', numExperts: 4, loadBalanceCoefficient: 0.1 },
  },
  'top-2 in every second block, capacity 1, mean of the patches': {
    ...small,
    numLayers: 3,
    pooling: 'mean',
    placement: 'every',
    moe: { kind: 'top2', numExperts: 6, capacityFactor: 1, blocks: [0, 2] },
  },
};

/** Micro-batch `index`: three images with their labels. */
export function microBatch(index: number): { pixels: tf.Tensor4D; labels: tf.Tensor1D } {
  const random = new RandomStream({ seed: 21, stream: index });
  const pixels = Float32Array.from({ length: 3 * 8 * 8 * 3 }, () => 2 * random.uniform() - 1);
  return { pixels: tf.tensor4d(pixels, [3, 8, 8, 3]), labels: tf.tensor1d([0, 1, 2], 'int32') };
}

/** Loss and gradients of one micro-batch; with the experts of a shard, on every rank at once. */
export function runVit(
  config: VitConfig,
  batchIndex: number,
  { experts, dispatcher }: { experts?: ExpertShard; dispatcher?: Dispatcher } = {},
): TrainingOutcome {
  const model = new Vit(config, { seed: 4, experts });
  const batch = microBatch(batchIndex);
  const { value, grads } = valueAndGrads(() => model.loss(batch, { dispatcher }).loss, model.variables);
  const outcome = {
    loss: value.dataSync()[0]!,
    grads: Object.fromEntries(Object.entries(grads).map(([name, grad]) => [name, grad.dataSync<'float32'>().slice()])),
    numParameters: model.numParameters(),
  };
  tf.dispose([value, grads, batch]);
  model.dispose();
  return outcome;
}
