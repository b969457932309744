import { availableBackends } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { Gpt } from '../gpt/Gpt.js';
import type { GptConfig, GptMoeConfig } from '../gpt/GptConfig.js';
import { gpt2, llamaLike, logitsOf } from '../testing/pretrainedFolder.js';
import { upcycle, type UpcycleOptions } from './upcycle.js';

const dense: [string, GptConfig][] = [
  ['GPT in pairs', { ...gpt2, placement: 'pairs', activation: 'silu' }],
  ['GPT-2', gpt2],
  ['LLaMA', llamaLike],
  ['Qwen2', { ...llamaLike, attentionBias: 'qkv', tiedEmbeddings: true }],
  ['Qwen3', { ...llamaLike, qkNorm: 'perHead', numKvHeads: 1 }],
];

/** A dense model with weights, biases and norms far from their start, so that everything counts. */
function denseModel(config: GptConfig): Gpt {
  const model = new Gpt(config, { seed: 3 });
  tf.tidy(() =>
    Object.values(model.variables).forEach((variable, i) =>
      variable.assign(tf.add(tf.mul(variable, 3), tf.randomNormal(variable.shape, 0, 0.1, 'float32', i + 1))),
    ),
  );
  return model;
}

/** The same channels for the experts of both blocks; the MLPs have 12. */
const inBlocks = (experts: number[][], shared?: number[]): UpcycleOptions['channels'] => {
  const channels = { experts, ...(shared && { shared }) };
  return { block0: channels, block1: channels };
};

const shared: GptMoeConfig = { kind: 'shared', mix: 'add', numExperts: 3, topK: 2, sharedHidden: 8, expertHidden: 4 };
const common = [0, 2, 3, 5, 6, 8, 9, 11];
const rest = [10, 7, 4, 1];

describe('experts of channels', () => {
  beforeAll(() => tf.setBackend(availableBackends()[0]!));

  it.each(dense)('that are all channels, of their own or shared, are the MLP: %s', (_, config) => {
    const model = denseModel(config);
    const expected = logitsOf(model);
    const largest = Math.max(...expected.map(Math.abs));
    const whole = [...Array(12).keys()];
    for (const [moe, channels] of [
      [shared, inBlocks([rest, rest, rest], common)],
      [{ kind: 'standard', numExperts: 2, topK: 2, expertHidden: 12 }, inBlocks([whole, [...whole].reverse()])],
    ] as const) {
      const converted = upcycle(model, moe, { seed: 1, channels });
      expect(converted.numExperts).toBe(moe.numExperts);
      // Float32 sums in another order.
      logitsOf(converted).forEach((value, i) => expect(Math.abs(value - expected[i]!)).toBeLessThan(1e-4 * largest));
      converted.dispose();
    }
    model.dispose();
  });

  it('have nothing but their own, and the shared expert the output bias', () => {
    const model = denseModel(gpt2);
    const own = [rest, [10, 7, 4, 0], [1, 4, 7, 10]];
    const converted = upcycle(model, shared, { seed: 1, channels: inBlocks(own, common) });
    const of = (from: Gpt, name: string) => from.variables[`block1.${name}`]!;
    tf.tidy(() => {
      own.forEach((channels, e) => {
        const expected = tf.gather(of(model, 'mlp.w2'), channels);
        expect(of(converted, 'experts.w2').slice([e], [1]).dataSync()).toEqual(expected.dataSync());
      });
      expect(of(converted, 'shared.b1').dataSync()).toEqual(tf.gather(of(model, 'mlp.b1'), common).dataSync());
      expect(of(converted, 'shared.b2').dataSync()).toEqual(of(model, 'mlp.b2').dataSync());
      expect(of(converted, 'experts.b2').abs().max().dataSync()[0]).toBe(0);
    });
    converted.dispose();
    model.dispose();
  });

  it.each<[string, GptMoeConfig, UpcycleOptions['channels'], RegExp]>([
    ['another kind', { ...shared, kind: 'scmoe' }, inBlocks([rest, rest, rest], common), /moe.kind: expected 'shared'/],
    ['a gated mix', { ...shared, mix: 'cg1' }, inBlocks([rest, rest, rest], common), /moe.mix: expected 'add'/],
    ['raw weights', { ...shared, normalizeWeights: false }, inBlocks([rest, rest, rest], common), /normalizeWeights/],
    ['too few experts', shared, inBlocks([rest, rest], common), /channels: expected those of 3 experts, got 2/],
    ['another width', shared, inBlocks([rest, rest, [1, 2]], common), /channels.experts\[2\]: expected 4 channels/],
    ['a channel twice', shared, inBlocks([rest, rest, [1, 1, 2, 3]], common), /each once, got 1/],
    ['none that there are', shared, inBlocks([rest, rest, [1, 2, 3, 12]], common), /channels of the MLP, 0 to 11/],
    [
      'those of one block',
      shared,
      { block0: { experts: [rest, rest, rest], shared: common } },
      /those of block0, block1/,
    ],
  ])('are refused with %s', (_, moe, channels, message) => {
    const model = denseModel(gpt2);
    expect(() => upcycle(model, moe, { seed: 1, channels })).toThrow(message);
    model.dispose();
  });
});

describe('copies', () => {
  beforeAll(() => tf.setBackend(availableBackends()[0]!));
  const moe: GptMoeConfig = { kind: 'top2', numExperts: 4 };

  it('differ by as much noise as is asked for, and are the same on ranks that share them out', () => {
    const model = denseModel(llamaLike);
    const whole = upcycle(model, moe, { seed: 1, noise: 0.1, reinitialize: 0.25 });
    const parts = [0, 1].map((rank) =>
      upcycle(model, moe, { seed: 1, noise: 0.1, reinitialize: 0.25, experts: { rank, size: 2 } }),
    );
    const noisy = upcycle(model, moe, { seed: 1, noise: 0.1 });
    for (const name of ['block0.experts.gate', 'block1.experts.down']) {
      const own = parts.map((part) => [...part.variables[name]!.dataSync()]);
      expect(own.flat()).toEqual([...whole.variables[name]!.dataSync()]);
    }
    const share = tf.tidy(() => {
      const mlp = model.variables['block0.mlp.up']!;
      const added = tf.sub(noisy.variables['block0.experts.up']!, mlp);
      return Math.sqrt(tf.moments(added).variance.dataSync()[0]! / tf.moments(mlp).variance.dataSync()[0]!);
    });
    // 384 values: the estimate scatters by 4 %.
    expect(Math.abs(share - 0.1)).toBeLessThan(0.02);
    [model, whole, noisy, ...parts].forEach((each) => each.dispose());
  });

  it('keep all but a share of their channels, others in each and the same in all matrices of one', () => {
    const model = denseModel(llamaLike);
    const converted = upcycle(model, moe, { seed: 2, reinitialize: 0.25 });
    const changed = (weight: string, axis: number) =>
      tf.tidy(() => {
        const mlp = model.variables[`block1.mlp.${weight}`]!;
        const isNew = tf.notEqual(converted.variables[`block1.experts.${weight}`]!, tf.expandDims(mlp, 0));
        const channels = tf.any(isNew, axis).dataSync<'bool'>();
        return [0, 1, 2, 3].map((e) => [...Array(12).keys()].filter((f) => channels[12 * e + f]));
      });
    const channels = changed('gate', 1);
    expect(channels.map((own) => own.length)).toEqual([3, 3, 3, 3]);
    expect(new Set(channels.map(String)).size).toBeGreaterThan(1);
    expect([changed('up', 1), changed('down', 2)]).toEqual([channels, channels]);
    converted.dispose();
    model.dispose();
  });

  it('leave no tensor behind, and refuse what is no share', () => {
    const model = denseModel(gpt2);
    const before = tf.memory().numTensors;
    upcycle(model, moe, { seed: 1, noise: 0.1, reinitialize: 0.5 }).dispose();
    expect(tf.memory().numTensors).toBe(before);
    expect(() => upcycle(model, moe, { seed: 1, reinitialize: 2 })).toThrow(
      /reinitialize: expected a share from 0 to 1/,
    );
    expect(() => upcycle(model, moe, { seed: 1, noise: -1 })).toThrow(/noise: expected a number of at least 0, got -1/);
    model.dispose();
  });
});
