import { valueAndGrads } from '@scmoe/tensor';
import { availableBackends } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { Gpt } from '../gpt/Gpt.js';
import type { GptConfig } from '../gpt/GptConfig.js';
import { LongcatFlash } from '../longcatFlash/LongcatFlash.js';
import { hybrid } from '../testing/gptRanks.js';
import { useModel } from '../testing/useModel.js';
import { Vit } from '../vit/Vit.js';
import type { VitConfig } from '../vit/VitConfig.js';
import type { LossResult } from './modelLosses.js';

const length = 8;
/** Five tokens in each sequence: padding behind, in front, on both sides. */
const rows = [
  [1, 1, 1, 1, 1, 0, 0, 0],
  [0, 0, 0, 1, 1, 1, 1, 1],
  [0, 1, 1, 1, 1, 1, 0, 0],
];
const places = rows.map((row) => row.flatMap((token, i) => (token ? [i] : [])));
const only = <T extends tf.Tensor>(x: T): T =>
  tf.stack(tf.unstack(x).map((row, b) => tf.gather<tf.Tensor>(row, tf.tensor1d(places[b]!, 'int32')))) as T;
const mask = () => tf.tensor2d(rows, undefined, 'bool');

const all = {
  loadBalanceCoefficient: 0.5,
  sequenceBalanceCoefficient: 0.3,
  importanceCoefficient: 0.2,
  zLossCoefficient: 0.1,
};
const sizes = { vocabSize: 17, numLayers: 2, dModel: 16, numHeads: 2, sequenceLength: length, ffnHidden: 24 };
const gpt = (config: Partial<GptConfig>) => () => new Gpt({ ...sizes, ...config }, { seed: 4 });
const languageModels: Record<string, () => Gpt | LongcatFlash> = {
  'dense, learned positions': gpt({}),
  'scmoe, learned positions, all losses': gpt({ moe: { kind: 'scmoe', numExperts: 4, ...all } }),
  'top-2, rotary, capacity': gpt({
    positionEncoding: 'rotary',
    moe: { kind: 'top2', numExperts: 4, capacityFactor: 0.8, ...all },
  }),
  'correction bias, sigmoid, a loss of all layers': gpt({
    moe: {
      kind: 'shared',
      numExperts: 4,
      scoreFunction: 'sigmoid',
      correctionBias: true,
      balance: 'allLayers',
      ...all,
    },
  }),
  'dgmoe in every block': gpt({ placement: 'every', moe: { kind: 'dgmoe', numExperts: 4, ...all } }),
  'gated delta networks and attention': gpt({ ...hybrid, moe: { kind: 'top2', numExperts: 4, ...all } }),
  'LongCat-Flash': () =>
    new LongcatFlash(
      {
        ...sizes,
        latent: { qLoraRank: 8, kvLoraRank: 6, qkNopeHeadDim: 4, qkRopeHeadDim: 4, vHeadDim: 6 },
        moe: { numExperts: 4, numZeroExperts: 2, topK: 3, expertHidden: 12, ...all },
      },
      { seed: 4 },
    ),
};

type Pass = { loss: LossResult; grads: Record<string, tf.Tensor> };

function passOf(variables: Record<string, tf.Variable>, lossOf: () => LossResult): Pass {
  let loss: LossResult | undefined;
  const { grads } = valueAndGrads(
    () => {
      loss = lossOf();
      for (const x of [loss.crossEntropy, loss.loadBalance, ...Object.values(loss.routerLosses)]) tf.keep(x);
      for (const { load, counts } of loss.routings) for (const x of [load, counts]) tf.keep(x);
      return tf.keep(loss.loss);
    },
    variables,
    { allowUnused: true },
  );
  return { loss: loss!, grads };
}

/** A few units of the 24-bit mantissa, through the layers; gradients in units of the largest of all. */
function expectSame(actual: Pass, expected: Pass) {
  const numbers = ({ loss, crossEntropy, loadBalance, routerLosses }: LossResult) =>
    Object.entries<tf.Scalar>({ loss, crossEntropy, loadBalance, ...routerLosses }).map(([name, x]) => [
      name,
      x.dataSync()[0]!,
    ]);
  expect(numbers(actual.loss)).toEqual(
    numbers(expected.loss).map(([name, x]): unknown[] => [name, expect.closeTo(x as number, 4)]),
  );
  const whole = (x: tf.Tensor): number[] => Array.from(x.dataSync());
  const loads = ({ routings }: LossResult) => routings.map(({ load, counts }) => [whole(load), whole(counts)]);
  expect(loads(actual.loss)).toEqual(loads(expected.loss));
  for (const [name, gradient] of Object.entries(expected.grads)) {
    const scale = Math.max(1e-2, tf.max(tf.abs(gradient)).dataSync()[0]!);
    const apart = tf.max(tf.abs(tf.sub(actual.grads[name]!, gradient))).dataSync()[0]! / scale;
    expect([name, apart < 1e-4 ? 'same' : apart]).toEqual([name, 'same']);
  }
}

describe.each(availableBackends())('a mask of padding on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  const ids = (seed: number) => tf.randomUniform<tf.Rank.R2>([3, length], 0, 17, 'int32', seed);

  it.each(Object.entries(languageModels))('gives a language model the loss of the tokens alone: %s', (_, modelOf) =>
    useModel(modelOf(), (model) => {
      const batch = { ids: ids(1), targets: ids(2) };
      const padded = passOf(model.variables, () => model.loss(batch, { mask: mask() }));
      const alone = passOf(model.variables, () => model.loss({ ids: only(ids(1)), targets: only(ids(2)) }));
      expectSame(padded, alone);
      const logits = [model.forward(batch.ids, { mask: mask() }), model.forward(only(ids(1)))].map((x) => x.logits);
      expect(tf.max(tf.abs(tf.sub(only(logits[0]!), logits[1]!))).dataSync()[0]).toBeLessThan(1e-5);
    }),
  );

  it.each(Object.entries(languageModels))('gives finite numbers where all is padding: %s', (_, modelOf) =>
    useModel(modelOf(), (model) => {
      const nobody = tf.zeros<tf.Rank.R2>([3, length], 'bool');
      const { loss, grads } = passOf(model.variables, () =>
        model.loss({ ids: ids(1), targets: ids(2) }, { mask: nobody }),
      );
      expect(loss.loss.dataSync()[0]).toBe(0);
      for (const x of Object.values(grads)) expect(x.dataSync().every((value) => value === 0)).toBe(true);
    }),
  );

  it('names a mask that does not fit', () =>
    useModel(languageModels['dense, learned positions']!(), (model) => {
      expect(() => model.forward(ids(1), { mask: tf.ones([3, 2], 'bool') })).toThrow(
        'mask: expected bool of the shape of ids, (3, 8), got bool (3, 2)',
      );
      expect(() => model.forward(ids(1), { mask: mask(), keepCache: true })).toThrow(
        'mask: expected none where keys and values are kept',
      );
    }));

  const small: VitConfig = {
    imageSize: 8,
    patchSize: 2,
    numClasses: 3,
    numLayers: 2,
    dModel: 16,
    numHeads: 2,
    ffnHidden: 24,
    moe: { kind: 'scmoe', numExperts: 4, capacityFactor: 1, ...all },
  };
  /** Images of four times four patches; what is masked is the lower half of the first and all of the third. */
  const ofPatches = () => tf.tensor2d([[...ones(8), ...zeros(8)], ones(16), zeros(16)], undefined, 'bool');
  const ones = (count: number) => new Array<number>(count).fill(1);
  const zeros = (count: number) => new Array<number>(count).fill(0);

  it.each(['class', 'mean'] as const)(
    'leaves patches and images that are padding out of a ViT, pooling %s',
    (pooling) =>
      useModel(new Vit({ ...small, pooling }, { seed: 4 }), (model) => {
        const pixels = tf.randomNormal<tf.Rank.R4>([3, 8, 8, 3], 0, 1, 'float32', 1);
        const labels = tf.tensor1d([0, 1, 2], 'int32');
        const mask = ofPatches();
        const pass = (pixels: tf.Tensor4D) => passOf(model.variables, () => model.loss({ pixels, labels }, { mask }));
        const first = pass(pixels);
        // Whatever lies in the padding: the lower half of image 0 and all of image 2.
        const other = tf.randomNormal<tf.Rank.R4>([3, 8, 8, 3], 0, 5, 'float32', 2);
        const isPatch = tf.image.resizeNearestNeighbor(
          tf.reshape<tf.Rank.R4>(tf.cast(mask, 'float32'), [3, 4, 4, 1]),
          [8, 8],
        );
        expectSame(pass(tf.where(tf.cast(isPatch, 'bool'), pixels, other)), first);
        // Without the third image at all.
        const two = <T extends tf.Tensor>(x: T) => tf.slice(x, 0, 2);
        const alone = passOf(model.variables, () =>
          model.loss({ pixels: two(pixels), labels: two(labels) }, { mask: two(mask) }),
        );
        expectSame(first, alone);
        // Soft targets that say the same as labels.
        const targets = tf.cast(tf.oneHot(labels, 3), 'float32') as tf.Tensor2D;
        const soft = model.loss({ pixels, labels, targets }, { mask });
        expect(soft.crossEntropy.dataSync()[0]).toBeCloseTo(first.loss.crossEntropy.dataSync()[0]!, 5);
        // A mask of what is all there changes nothing.
        const full = model.loss({ pixels, labels }, { mask: tf.ones([3, 16], 'bool') });
        const none = model.loss({ pixels, labels });
        expect(full.loss.dataSync()[0]).toBeCloseTo(none.loss.dataSync()[0]!, 5);
        expect(() => model.forward(pixels, { mask: tf.ones([3, 17], 'bool') })).toThrow(
          'mask: expected bool (3, 16), one for each patch, got bool (3, 17)',
        );
      }),
  );
});
