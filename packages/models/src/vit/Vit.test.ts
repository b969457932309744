import { backendName, findAddon, valueAndGrads } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import type { MoeConfig } from '../stages/resolveStages.js';
import { availableBackends, describeUnless } from '@scmoe/testing';
import { expectGradientsOf } from '../testing/centralDifferences.js';
import { useModel } from '../testing/useModel.js';
import { withoutHostReads } from '../testing/withoutHostReads.js';
import { Vit } from './Vit.js';
import type { VitConfig } from './VitConfig.js';

const small: VitConfig = {
  imageSize: 8,
  patchSize: 4,
  numClasses: 3,
  numLayers: 2,
  dModel: 16,
  numHeads: 2,
  ffnHidden: 24,
};
const scmoe: MoeConfig = { kind: 'scmoe', numExperts: 4 };

const images = (batch: number, seed = 1) => tf.randomNormal<tf.Rank.R4>([batch, 8, 8, 3], 0, 1, 'float32', seed);
const batchOf = (batch: number) => ({
  pixels: images(batch),
  labels: tf.tensor1d(
    Array.from({ length: batch }, (_, i) => i % 3),
    'int32',
  ),
});

const withModel = <T>(config: VitConfig, use: (model: Vit) => T): T => useModel(new Vit(config, { seed: 4 }), use);

describe.each(availableBackends())('Vit on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));

  it('starts from a loss near that of guessing, the same for the same seed', () => {
    const loss = () =>
      withModel({ ...small, moe: scmoe }, (model) => model.loss(batchOf(6)).crossEntropy.dataSync()[0]!);
    expect(loss()).toBeCloseTo(Math.log(3), 1);
    expect(loss()).toBe(loss());
  });

  const variants: [string, Partial<VitConfig>, number][] = [
    ['dense', {}, 0],
    ['top2', { moe: { kind: 'top2', numExperts: 4 } }, 1],
    ['shared', { moe: { kind: 'shared', numExperts: 4, mix: 'cg2' } }, 1],
    ['scmoe', { moe: scmoe }, 1],
    ['dgmoe', { moe: { kind: 'dgmoe', numExperts: 4 } }, 2],
    ['scmoe in every block, mean of the patches', { placement: 'every', pooling: 'mean', moe: scmoe }, 2],
    ['experts in the last of three blocks', { placement: 'every', numLayers: 3, moe: { ...scmoe, blocks: [2] } }, 1],
    ['scmoe, rms, swiglu, one channel', { moe: scmoe, norm: 'rms', activation: 'swiglu', numChannels: 1 }, 1],
    ['a stem of convolutions', { stem: 'convolutions', moe: scmoe }, 1],
    [
      'experts that choose',
      { moe: { kind: 'standard', numExperts: 4, routing: 'expertChoice', capacityFactor: 2 } },
      1,
    ],
  ];
  it.each(variants)('gives every parameter a gradient: %s', (_, change, numRoutings) => {
    withModel({ ...small, ...change }, (model) => {
      const { pixels, labels } = batchOf(6);
      const batch = {
        pixels: change.numChannels === 1 ? tf.slice(pixels, [0, 0, 0, 0], [-1, -1, -1, 1]) : pixels,
        labels,
      };
      const result = model.forward(batch.pixels);
      expect(result.logits.shape).toEqual([6, 3]);
      expect(result.routings).toHaveLength(numRoutings);
      const { grads } = valueAndGrads(() => model.loss(batch).loss, model.variables);
      const none = Object.entries(grads).filter(([, g]) => tf.max(tf.abs(g)).dataSync()[0] === 0);
      expect(none.map(([name]) => name)).toEqual([]);
    });
  });

  // With all experts chosen and without a balance loss, whose counts jump, the loss is smooth.
  const smooth = { numExperts: 2, topK: 2, loadBalanceCoefficient: 0 };
  it.each<[string, Partial<VitConfig>]>([
    ['class token, scmoe', { moe: { kind: 'scmoe', ...smooth } }],
    [
      'overlapping patches, stochastic depth',
      { patchStride: 2, moe: { kind: 'scmoe', ...smooth }, stochasticDepth: 0.5 },
    ],
    ['convolutions', { stem: 'convolutions', patchStride: 4 }],
    ['mean, top-2 in every block', { pooling: 'mean', placement: 'every', moe: { kind: 'top2', ...smooth } }],
  ])('has the gradients of central differences: %s', (_, change) => {
    withModel({ ...small, ...change }, (model) => {
      const batch = batchOf(3);
      // Matrices of a trained model's size: with fresh ones a small step would turn the tokens around.
      const matrices = Object.values(model.variables).filter(({ rank }) => rank > 1);
      for (const matrix of matrices) matrix.assign(tf.mul(matrix, 5));
      const options = { labelSmoothing: 0.1, training: true, dropoutSeed: 3 };
      expectGradientsOf(model.variables, () => model.loss(batch, options).loss);
    });
  });

  it('leaves no tensors behind', () => {
    const before = tf.memory().numTensors;
    const model = new Vit({ ...small, moe: scmoe }, { seed: 4 });
    expect(tf.memory().numTensors - before).toBe(Object.keys(model.variables).length);
    const batch = batchOf(4);
    const steady = tf.memory().numTensors;
    const { value, grads } = valueAndGrads(() => model.loss(batch).loss, model.variables);
    tf.dispose([value, grads]);
    tf.dispose(model.loss(batch) as unknown as tf.TensorContainerObject);
    tf.dispose(model.forward(batch.pixels, { keepHiddenStates: true }) as unknown as tf.TensorContainerObject);
    expect(tf.memory().numTensors).toBe(steady);
    tf.dispose([batch.pixels, batch.labels]);
    model.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('reads nothing on the host in forward and loss', () => {
    // With a capacity: without one and without native kernels, the experts have to know their counts.
    withModel({ ...small, moe: { ...scmoe, capacityFactor: 2 } }, (model) => {
      const batch = batchOf(4);
      withoutHostReads(() => {
        valueAndGrads(() => model.loss(batch).loss, model.variables);
      });
    });
  });
});

describe('Vit', () => {
  beforeAll(() => tf.setBackend(availableBackends()[0]!));

  it('smooths labels towards all classes', () => {
    withModel(small, (model) => {
      const batch = batchOf(4);
      const { logits } = model.forward(batch.pixels);
      const logProbabilities = tf.logSoftmax(logits);
      const uniform = tf.neg(tf.mean(logProbabilities)).dataSync()[0]!;
      const plain = model.loss(batch).loss.dataSync()[0]!;
      const smoothed = model.loss(batch, { labelSmoothing: 0.2 }).loss.dataSync()[0]!;
      expect(smoothed).toBeCloseTo(0.8 * plain + 0.2 * uniform, 5);
    });
  });

  it('aims at a distribution over the classes where it is given one', () => {
    withModel(small, (model) => {
      const batch = batchOf(4);
      const lossOf = (targets?: tf.Tensor2D) =>
        model.loss({ ...batch, targets }, { labelSmoothing: 0.1 }).loss.dataSync()[0]!;
      const oneHot = tf.oneHot(batch.labels, 3).toFloat() as tf.Tensor2D;
      expect(lossOf(oneHot)).toBeCloseTo(lossOf(), 5);
      const other = tf.reverse(oneHot, 1);
      const mixed = tf.add<tf.Tensor2D>(tf.mul(oneHot, 0.3), tf.mul(other, 0.7));
      expect(lossOf(mixed)).toBeCloseTo(0.3 * lossOf(oneHot) + 0.7 * lossOf(other), 5);
      expect(() => lossOf(tf.zeros([4, 2]))).toThrow(/^targets: expected float32 \(4, 3\), got float32 \(4, 2\)$/);
    });
  });

  it.each<[string, MoeConfig | undefined]>([
    ['dense', undefined],
    ['scmoe', scmoe],
  ])('lets images go without branches in training alone, by the seed of the step: %s', (_, moe) => {
    withModel({ ...small, numLayers: 1, placement: 'every', stochasticDepth: 0.4, moe }, (model) => {
      const { pixels } = batchOf(4);
      const many = tf.tile(tf.slice(pixels, [0, 0, 0, 0], [1, -1, -1, -1]), [400, 1, 1, 1]);
      const state = (training: boolean, dropoutSeed = 1) =>
        model.forward(many, { keepHiddenStates: true, training, dropoutSeed }).hiddenStates![0]!;
      const trained = state(true);
      expect(state(true).dataSync()).toEqual(trained.dataSync());
      expect(state(true, 2).dataSync()).not.toEqual(trained.dataSync());
      // The same image 400 times: with and without the attention, with and without what follows it. Up to the rounding of
      // products, whose sums are in another order at the end of a batch.
      const kinds: { values: Float32Array; count: number }[] = [];
      for (const image of tf.unstack(trained)) {
        const values = image.dataSync<'float32'>().slice();
        const same = kinds.find((kind) => kind.values.every((value, i) => Math.abs(value - values[i]!) < 1e-6));
        if (same) same.count++;
        else kinds.push({ values, count: 1 });
      }
      const counts = kinds.map(({ count }) => count).sort((x, y) => x - y);
      expect(counts).toHaveLength(4);
      [0.16, 0.24, 0.24, 0.36].forEach((share, i) => {
        // Four deviations of a binomial distribution of 400.
        expect(Math.abs(counts[i]! - 400 * share)).toBeLessThan(4 * Math.sqrt(400 * share * (1 - share)));
      });
      const without = new Vit({ ...model.config, stochasticDepth: 0 }, { parameters: model.variables });
      const plain = without.forward(many, { keepHiddenStates: true }).hiddenStates![0]!;
      expect(state(false).dataSync()).toEqual(plain.dataSync());
      without.dispose();
    });
  });

  it('classifies each image for itself, unless experts are full', () => {
    withModel({ ...small, moe: scmoe }, (model) => {
      const all = model.forward(images(4)).logits.arraySync();
      const alone = model.forward(tf.slice(images(4), [2, 0, 0, 0], [1, -1, -1, -1])).logits.arraySync();
      alone[0]!.forEach((score, i) => expect(score).toBeCloseTo(all[2]![i]!, 5));
    });
  });

  it('lets the first patch know of the last one', () => {
    withModel({ ...small, moe: scmoe }, (model) => {
      const first = (pixels: tf.Tensor4D) =>
        model.forward(pixels, { keepHiddenStates: true }).hiddenStates![0]!.slice([0, 1, 0], [1, 1, 16]).dataSync();
      const pixels = images(1);
      const mask = tf.ones([1, 8, 8, 3]).sub(
        tf.pad(tf.ones([1, 4, 4, 3]), [
          [0, 0],
          [4, 0],
          [4, 0],
          [0, 0],
        ]),
      );
      expect(first(pixels)).not.toEqual(first(tf.mul(pixels, mask)));
    });
  });

  it('drops out in training alone, by the seed of the step', () => {
    withModel({ ...small, moe: scmoe, dropout: 0.3 }, (model) => {
      const batch = batchOf(4);
      const loss = (dropoutSeed?: number) =>
        model.loss(batch, { training: dropoutSeed !== undefined, dropoutSeed }).loss.dataSync()[0]!;
      expect(loss()).toBe(loss());
      expect(loss(1)).toBe(loss(1));
      expect(loss(1)).not.toBe(loss(2));
      expect(() => model.loss(batch, { training: true })).toThrow(
        /dropoutSeed: expected a seed .* dropout 0.3, got none/,
      );
    });
  });

  it('starts from given values, and names what is missing', () => {
    withModel(small, (model) => {
      const same = new Vit(small, { parameters: model.variables });
      expect(same.forward(images(2)).logits.dataSync()).toEqual(model.forward(images(2)).logits.dataSync());
      same.dispose();
      const { 'head.bias': _, ...rest } = model.variables;
      expect(() => new Vit(small, { parameters: rest })).toThrow("'head.bias' is missing");
    });
  });

  it('moves the correction biases by the loads of a step', () => {
    const moe: MoeConfig = { kind: 'top1', numExperts: 4, correctionBias: true, scoreFunction: 'sigmoid' };
    withModel({ ...small, moe }, (model) => {
      expect(Object.keys(model.buffers)).toEqual(['block0.router.correctionBias']);
      const { routings } = model.forward(images(4));
      const loads = model.routerLoads(routings);
      // 4 images of 5 tokens, each with one choice.
      expect(tf.sum(loads['block0.router.correctionBias']!).dataSync()[0]).toBe(20);
      model.updateCorrectionBias({ 'block0.router.correctionBias': [20, 0, 0, 0] }, { updateRate: 0.5 });
      const [first, ...others] = model.buffers['block0.router.correctionBias']!.dataSync();
      expect(first).toBe(-0.5);
      expect([...others]).toEqual([0.5, 0.5, 0.5]);
    });
  });

  it.each<[string, () => tf.Tensor, RegExp]>([
    [
      'images of another size',
      () => tf.zeros([1, 8, 12, 3]),
      /^pixels: expected float32 \(batch, 8, 8, 3\), got float32 \(1, 8, 12, 3\)$/,
    ],
    ['channels in front', () => tf.zeros([1, 3, 8, 8]), /got float32 \(1, 3, 8, 8\)/],
    ['bytes', () => tf.zeros([1, 8, 8, 3], 'int32'), /got int32 \(1, 8, 8, 3\)/],
    ['an image without a batch', () => tf.zeros([8, 8, 3]), /got float32 \(8, 8, 3\)/],
  ])('rejects %s', (_, make, message) => {
    withModel(small, (model) => expect(() => model.forward(make() as tf.Tensor4D)).toThrow(message));
  });

  it.each<[string, () => tf.Tensor, RegExp]>([
    [
      'labels for other images',
      () => tf.zeros([3], 'int32'),
      /^labels: expected int32 \(4\), one for each image, got int32 \(3\)$/,
    ],
    ['labels that are not whole', () => tf.zeros([4]), /got float32 \(4\)/],
    ['one-hot labels', () => tf.zeros([4, 3], 'int32'), /got int32 \(4, 3\)/],
  ])('rejects %s', (_, make, message) => {
    withModel(small, (model) => {
      expect(() => model.loss({ pixels: images(4), labels: make() as tf.Tensor1D })).toThrow(message);
    });
  });
});

describeUnless(findAddon().problem, 'Vit on native kernels', () => {
  beforeAll(() => tf.setBackend(backendName));

  it('rejects a label that is no class', () => {
    withModel(small, (model) => {
      const labels = tf.tensor1d([0, 3], 'int32');
      expect(() => model.loss({ pixels: images(2), labels }).loss.dataSync()).toThrow(/3/);
    });
  });
});
