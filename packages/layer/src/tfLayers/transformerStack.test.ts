import * as tf from '@tensorflow/tfjs';

import { TransformerBlock } from './TransformerBlock.js';
import { TransformerPair } from './TransformerPair.js';
import { transformerStack, type TransformerStackArgs } from './transformerStack.js';

const args: TransformerStackArgs = { numBlocks: 4, kind: 'scmoe', numHeads: 2, numExperts: 4, ffnHidden: 12, seed: 7 };
const configs = (change: Partial<TransformerStackArgs>) =>
  transformerStack({ ...args, ...change }).map((layer) => layer.getConfig());

describe('transformerStack', () => {
  it('puts experts into every second block, a pair each, or into every block', () => {
    const pairs = transformerStack(args);
    expect(pairs.map((layer) => layer instanceof TransformerPair)).toEqual([true, true]);
    const blocks = transformerStack({ ...args, placement: 'every' });
    expect(blocks.map((layer) => layer instanceof TransformerBlock)).toEqual([true, true, true, true]);
  });

  it('may tap the first pair elsewhere than the others', () => {
    const positions = (change: Partial<TransformerStackArgs>) => configs(change).map(({ position }) => position);
    expect(positions({ numBlocks: 6, firstPosition: 'pos1', position: 'pos2' })).toEqual(['pos1', 'pos2', 'pos2']);
    expect(positions({ position: 'pos3' })).toEqual(['pos3', 'pos3']);
  });

  it('gives each layer a seed and, with a prefix, a name of its own, and the first one the shape of the input', () => {
    const made = configs({ name: 'block', placement: 'every', numBlocks: 2, inputShape: [5, 8] });
    expect(made.map(({ seed }) => seed)).toEqual([7, 8]);
    expect(made.map(({ name }) => name)).toEqual(['block0', 'block1']);
    expect(made.map(({ batchInputShape }) => batchInputShape)).toEqual([[null, 5, 8], undefined]);
  });

  it.each(['pairs', 'every'] as const)('trains in tf.sequential, between layers of TF.js: %s', async (placement) => {
    const blocks = transformerStack({ ...args, placement, firstPosition: 'pos1', inputShape: [5, 8] });
    const model = tf.sequential({ layers: [...blocks, tf.layers.flatten(), tf.layers.dense({ units: 1 })] });
    model.compile({ optimizer: tf.train.adam(0.01), loss: 'meanSquaredError' });
    const x = tf.randomNormal([6, 5, 8], 0, 1, 'float32', 5);
    const { history } = await model.fit(x, tf.ones([6, 1]), { epochs: 4, verbose: 0 });
    const losses = history['loss'] as number[];
    expect(losses.at(-1)).toBeLessThan(losses[0]!);
    model.dispose();
  });

  it.each<[string, Partial<Record<keyof TransformerStackArgs, unknown>>, RegExp]>([
    ['no blocks', { numBlocks: 0 }, /^numBlocks: expected a positive integer, got 0/],
    ['half a pair', { numBlocks: 3 }, /^numBlocks: expected an even number with placement 'pairs', got 3/],
    ['an unknown placement', { placement: 'some' }, /^placement: expected one of pairs, every, got "some"/],
    ['an unknown position', { firstPosition: 'pos0' }, /^firstPosition: expected one of pos1, pos2, pos3, got "pos0"/],
    ['a position inside a block', { placement: 'every', position: 'pos2' }, /^position: expected pos1 with placement/],
    ["the MLP's norm without MLP", { placement: 'every', sharedNormOf: 'mlp' }, /^sharedNormOf: expected sharedExpert/],
    ['what its layers reject', { topK: 5 }, /^topK: expected at most numExperts = 4, got 5/],
  ])('rejects %s', (_, change, message) => {
    expect(() => transformerStack({ ...args, ...change } as TransformerStackArgs)).toThrow(message);
  });
});
