import * as tf from '@tensorflow/tfjs';

import { dgMoE } from './DgMoE.js';
import { longcatBlock } from './LongcatBlock.js';
import { mixtureOfExperts } from './MixtureOfExperts.js';
import { sharedExpertMoE } from './SharedExpertMoE.js';
import { transformerBlock } from './TransformerBlock.js';
import { transformerPair } from './TransformerPair.js';

const experts = { numExperts: 4, expertHidden: 6, seed: 1 };
const block = { numHeads: 2, ffnHidden: 12, numExperts: 4, seed: 1 };
const difference = (a: tf.Tensor, b: tf.Tensor) => tf.max(tf.abs(tf.sub(a, b))).dataSync()[0]!;

describe('the mask of tf.layers', () => {
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  const layers = {
    transformerBlock: () => transformerBlock({ ...block, kind: 'scmoe', causal: false }),
    'transformerBlock, capacity': () =>
      transformerBlock({ ...block, kind: 'shared', causal: false, capacityFactor: 1 }),
    transformerPair: () => transformerPair({ ...block, kind: 'dgmoe', causal: false }),
    longcatBlock: () => longcatBlock({ ...block, topK: 2 }),
  };
  it.each(Object.entries(layers))('of an embedding with maskZero hides padding: %s', (_, layerOf) => {
    const embedding = () =>
      tf.layers.embedding({
        inputDim: 9,
        outputDim: 8,
        maskZero: true,
        embeddingsInitializer: tf.initializers.randomNormal({ seed: 3 }),
      });
    const ids = tf.input({ shape: [null], dtype: 'int32' });
    const y = layerOf().apply(layerOf().apply(embedding().apply(ids))) as tf.SymbolicTensor;
    const whole = tf.model({ inputs: ids, outputs: y });
    const padded = whole.predict(tf.tensor2d([[3, 1, 4, 0, 0], [5, 2, 6, 0, 0]], undefined, 'int32')) as tf.Tensor3D; // prettier-ignore
    const alone = whole.predict(tf.tensor2d([[3, 1, 4], [5, 2, 6]], undefined, 'int32')) as tf.Tensor3D; // prettier-ignore
    expect(difference(tf.slice(padded, [0, 0, 0], [2, 3, 8]), alone)).toBeLessThan(1e-5);
    whole.dispose();
  });

  it('may be given to a layer: padding gets nothing from routed experts, and the shared one as ever', () => {
    const x = tf.randomNormal([2, 3, 8], 0, 1, 'float32', 5);
    const mask = tf.tensor2d([[1, 1, 0], [0, 1, 1]], undefined, 'bool'); // prettier-ignore
    const isPadding = tf.sub(1, tf.expandDims(tf.cast(mask, 'float32'), 2));
    const routed = mixtureOfExperts(experts).apply(x, { mask }) as tf.Tensor;
    expect(tf.max(tf.abs(tf.mul(routed, isPadding))).dataSync()[0]).toBe(0);
    const dual = dgMoE(experts).apply([x, x], { mask }) as tf.Tensor;
    expect(tf.max(tf.abs(tf.mul(dual, isPadding))).dataSync()[0]).toBe(0);
    const shared = sharedExpertMoE(experts).apply(x, { mask }) as tf.Tensor;
    expect(tf.max(tf.abs(tf.mul(shared, isPadding))).dataSync()[0]).toBeGreaterThan(0);
    expect(() => mixtureOfExperts(experts).apply(x, { mask: tf.ones([2, 4], 'bool') })).toThrow(
      'mask: expected bool (2, 3), one for each token, got bool (2, 4)',
    );
  });

  it('trains under model.fit, without the router hearing of padding', async () => {
    const layer = transformerBlock({
      ...block,
      kind: 'standard',
      correctionBias: true,
      biasUpdateRate: 1,
      causal: false,
    });
    const model = tf.sequential({
      layers: [tf.layers.embedding({ inputDim: 9, outputDim: 8, maskZero: true, inputLength: 4 }), layer],
    });
    model.compile({ optimizer: tf.train.sgd(0.01), loss: 'meanSquaredError' });
    const bias = () => layer.getWeights().find(({ shape }) => shape.join() === '4')!;
    const onlyPadding = tf.zeros([2, 4], 'int32');
    await model.fit(onlyPadding, tf.zeros([2, 4, 8]), { epochs: 1, verbose: 0 });
    expect(tf.max(tf.abs(bias())).dataSync()[0]).toBe(0); // no choice was made
    const { history } = await model.fit(tf.ones([2, 4], 'int32'), tf.zeros([2, 4, 8]), { epochs: 1, verbose: 0 });
    expect(tf.max(tf.abs(bias())).dataSync()[0]).toBe(1);
    expect(Number.isFinite(history['loss']![0])).toBe(true);
    model.dispose();
  });
});
