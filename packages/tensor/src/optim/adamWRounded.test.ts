import * as tf from '@tensorflow/tfjs';

import { relativeError } from '@scmoe/testing';
import { AdamW, Muon } from '../index.js';
import { availableBackends } from '../testing/backends.js';
import { adamWRoundedComposed } from './adamWUpdate.js';
import { roundingKeys } from './roundAtRandom.js';

const normal = (shape: number[], seed: number) => tf.randomNormal(shape, 0, 1, 'float32', seed);
const values = (x: tf.Tensor) => [...(x.dataSync() as Float32Array)];
const differing = (a: tf.Tensor, b: tf.Tensor) => {
  const other = values(b);
  return values(a).filter((x, i) => !Object.is(x, other[i])).length;
};

describe.each(availableBackends())('AdamW with moments in bfloat16 on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));

  it('updates as its twin of TF.js operations, rounding alike', () => {
    const shape = [7, 61];
    const options = { moments: 'bfloat16', seed: 3, firstValueOf: () => 1000 } as const;
    const optimizer = new AdamW(options);
    const variable = tf.variable(normal(shape, 1));
    let slot = { parameter: variable.clone() as tf.Tensor, m: tf.zeros(shape), v: tf.zeros(shape) };
    const gradScale = tf.scalar(0.5);
    for (let step = 1; step <= 3; step++) {
      const gradient = normal(shape, 1 + step);
      optimizer.step({ w: variable }, { w: gradient }, { learningRate: 0.1, gradScale });
      const [parameter, m, v] = adamWRoundedComposed(
        { ...slot, gradient },
        0,
        {
          ...{ keep: [1 - 0.1 * 0.1], beta1: 0.9, beta2: 0.95, epsilon: 1e-8 },
          ...{ stepSize: 0.1 / (1 - 0.9 ** step), rootCorrection: 1 / Math.sqrt(1 - 0.95 ** step) },
          ...{ keys: [roundingKeys(3, step, 'w')], firsts: [1000] },
        },
        { gradScale, tileValues: 2 ** 20 },
      );
      slot = { parameter, m, v };
    }
    expect(relativeError(variable, slot.parameter)).toBeLessThan(1e-4);
    const state = optimizer.state();
    // A number that lies between two neighbours where it is drawn whether it goes up may be a last bit of float32 away.
    expect(differing(state['m.w']!, slot.m)).toBeLessThan(3);
    expect(differing(state['v.w']!, slot.v)).toBeLessThan(3);
    for (const moment of Object.values(state))
      for (const bits of new Uint32Array(Float32Array.from(values(moment)).buffer)) expect(bits & 0xffff).toBe(0);
  });

  it('adds up changes that are smaller than the distance of two numbers', () => {
    const [n, steps] = [256, 300];
    const optimizer = new AdamW({ moments: 'bfloat16', beta2: 0.999 });
    const w = tf.variable(tf.zeros([n]));
    optimizer.loadState({ 'm.w': tf.zeros([n]), 'v.w': tf.ones([n]) }, 1);
    const gradients = { w: tf.zeros([n]) };
    for (let i = 0; i < steps; i++) optimizer.step({ w }, gradients, { learningRate: 0 });
    // To the nearest it would be 1 for ever.
    expect(Math.abs(tf.mean(optimizer.state()['v.w']!).dataSync()[0]! / 0.999 ** steps - 1)).toBeLessThan(0.01);
  });

  it('goes on bit for bit, and rounds a part as in the whole', () => {
    const start = normal([4, 6], 1);
    const gradient = normal([4, 6], 2);
    const options = { moments: 'bfloat16', seed: 5 } as const;
    const whole = { w: tf.variable(start) };
    const first = new AdamW(options);
    for (let i = 0; i < 3; i++) first.step(whole, { w: gradient }, { learningRate: 0.01 });
    const half = (x: tf.Tensor) => tf.slice(x, 2, 2);
    const part = { w: tf.variable(half(start)) };
    const partly = () => new AdamW({ ...options, firstValueOf: () => 12 });
    const second = partly();
    for (let i = 0; i < 2; i++) second.step(part, { w: half(gradient) }, { learningRate: 0.01 });
    const third = partly();
    third.loadState(second.state(), second.stepCount);
    third.step(part, { w: half(gradient) }, { learningRate: 0.01 });
    expect(values(part.w)).toEqual(values(half(whole.w)));
    for (const key of ['m.w', 'v.w']) expect(values(third.state()[key]!)).toEqual(values(half(first.state()[key]!)));
  });

  it('takes moments in float32, to the nearest, and gives its own to one in float32', () => {
    const [w, gradients] = [tf.variable(normal([5, 3], 1)), { w: normal([5, 3], 2) }];
    const plain = new AdamW();
    plain.step({ w }, gradients, { learningRate: 0.1 });
    const rounded = new AdamW({ moments: 'bfloat16' });
    const exact = plain.state();
    rounded.loadState(exact, 1);
    const state = rounded.state();
    expect(relativeError(state['m.w']!, exact['m.w']!)).toBeLessThan(2 ** -8);
    const back = new AdamW();
    back.loadState(state, 1);
    back.step({ w }, gradients, { learningRate: 0.1 });
    // What was handed over stays.
    expect(values(rounded.state()['m.w']!)).toEqual(values(state['m.w']!));
    expect(
      relativeError(back.state()['m.w']!, tf.add(tf.mul(state['m.w']!, 0.9), tf.mul(gradients.w, 0.1))),
    ).toBeLessThan(1e-6);
  });

  it('leaks nothing, and refuses what it can not do', () => {
    const w = tf.variable(tf.ones([3, 2]));
    const gradients = { w: tf.ones([3, 2]) };
    const before = tf.memory().numTensors;
    const optimizer = new AdamW({ moments: 'bfloat16' });
    const clones = [0, 1].map(() => {
      optimizer.step({ w }, gradients, { learningRate: 0.1 });
      return optimizer.state();
    });
    tf.dispose(clones);
    expect(tf.memory().numTensors).toBe(before + 2);
    const update = () => optimizer.update({ w }, gradients, { rates: tf.tensor1d([1, 1, 1]) });
    expect(update).toThrow('AdamW: update: expected moments in float32, got "bfloat16"');
    expect(() => new AdamW({ moments: 'float16' as 'bfloat16' })).toThrow('moments: expected one of float32, bfloat16');
    expect(() => new Muon({ moments: 'bfloat16' } as object)).toThrow('Muon: moments: expected none');
  });
});
