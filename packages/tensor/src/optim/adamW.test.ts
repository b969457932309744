import * as tf from '@tensorflow/tfjs';

import { itMatchesReference, relativeError } from '@scmoe/testing';
import { AdamW, clipScale, globalNorm } from '../index.js';
import { availableBackends } from '../testing/backends.js';

// float32 against float64, a handful of roundings in each of five steps.
const tolerance = 2e-6;

interface AdamWCase {
  beta1: number;
  beta2: number;
  epsilon: number;
  weightDecay: number;
  decayed: string[];
  learningRates: number[];
  maxNorm: number;
  parameters: string[];
}

const record = <T>(names: string[], of: (name: string) => T): Record<string, T> =>
  Object.fromEntries(names.map((name) => [name, of(name)]));

describe.each(availableBackends())('AdamW on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));

  itMatchesReference('follows the reference values', 'adamw', ({ tensors, config }) => {
    const { beta1, beta2, epsilon, weightDecay, decayed, learningRates, maxNorm, parameters } = config as AdamWCase;
    const variables = record(parameters, (name) => tf.variable(tensors[`buffer.${name}`]!));
    const optimizer = new AdamW({ beta1, beta2, epsilon, weightDecay, decay: (name) => decayed.includes(name) });
    const norms = tensors['output.globalNorm']!.dataSync();
    for (const [i, learningRate] of learningRates.entries()) {
      const gradients = record(parameters, (name) => tensors[`buffer.gradient.step${i + 1}.${name}`]!);
      const norm = globalNorm(Object.values(gradients));
      expect(Math.abs(norm.dataSync()[0]! / norms[i]! - 1)).toBeLessThan(tolerance);
      optimizer.step(variables, gradients, { learningRate, gradScale: clipScale(norm, maxNorm) });
      for (const name of parameters)
        expect(relativeError(variables[name]!, tensors[`output.step${i + 1}.${name}`]!)).toBeLessThan(tolerance);
    }
    for (const [key, value] of Object.entries(optimizer.state()))
      expect(relativeError(value, tensors[`output.${key}`]!)).toBeLessThan(tolerance);
  });

  it('updates by rates on the device as by numbers', () => {
    const start = tf.randomNormal([7, 5], 0, 1, 'float32', 1);
    const [plain, onDevice] = [new AdamW(), new AdamW()];
    const [a, b] = [{ w: tf.variable(start) }, { w: tf.variable(start) }];
    for (const learningRate of [0.1, 0.05, 0.3]) {
      const gradients = { w: tf.mul(start, learningRate) };
      const gradScale = tf.scalar(0.5);
      plain.step(a, gradients, { learningRate, gradScale });
      onDevice.update(b, gradients, { rates: tf.tensor1d(onDevice.advance(learningRate)), gradScale });
    }
    expect(relativeError(b.w, a.w)).toBeLessThan(tolerance);
    expect(onDevice.stepCount).toBe(3);
    const wrong = () => plain.update(a, { w: start }, { rates: tf.tensor1d([1, 2]) });
    expect(wrong).toThrow('AdamW: rates: expected (3), got (2)');
  });

  it('leaves clones of a variable and of its state as they were', () => {
    const variables = { w: tf.variable(tf.ones([3, 2])) };
    const gradients = { w: tf.fill([3, 2], 0.5) };
    const optimizer = new AdamW();
    optimizer.step(variables, gradients, { learningRate: 0.1 });
    const kept = [variables.w.clone(), ...Object.values(optimizer.state())];
    const before = kept.map((x) => x.dataSync());
    optimizer.step(variables, gradients, { learningRate: 0.1 });
    expect(kept.map((x) => x.dataSync())).toEqual(before);
    expect(variables.w.dataSync()).not.toEqual(before[0]);
    expect(gradients.w.dataSync()).toEqual(new Float32Array(6).fill(0.5));
  });

  it('continues bit for bit from a saved state', () => {
    const start = tf.randomNormal([7, 5], 0, 1, 'float32', 1);
    const gradients = { w: tf.randomNormal([7, 5], 0, 1, 'float32', 2) };
    const whole = { w: tf.variable(start) };
    const first = new AdamW();
    for (let i = 0; i < 2; i++) first.step(whole, gradients, { learningRate: 0.01 });
    const resumed = { w: tf.variable(whole.w.clone()) };
    const second = new AdamW();
    second.loadState(first.state(), first.stepCount);
    for (const [variables, optimizer] of [[whole, first] as const, [resumed, second] as const])
      optimizer.step(variables, gradients, { learningRate: 0.01 });
    expect(second.stepCount).toBe(3);
    expect(resumed.w.dataSync()).toEqual(whole.w.dataSync());
    expect(second.state()['v.w']!.dataSync()).toEqual(first.state()['v.w']!.dataSync());
  });

  it('decays weights and tables, not biases and norms, by nothing but the learning rate', () => {
    const decayed = { weight: [2, 2], embedding: [3, 2], 'experts.w1': [2, 2, 2], 'attn.wkvDown': [2, 2] };
    const kept = {
      bias: [2],
      'norm.weight': [2],
      'experts.b1': [2, 2],
      'experts.gateBias': [2, 2],
      'attn.bqDown': [2],
    };
    const ones = (shape: number[]) => tf.ones(shape);
    const shapes: Record<string, number[]> = { ...decayed, ...kept };
    const variables = record(Object.keys(shapes), (name) => tf.variable(ones(shapes[name]!)));
    const gradients = record(Object.keys(shapes), (name) => tf.zeros(shapes[name]!));
    new AdamW({ weightDecay: 0.5 }).step(variables, gradients, { learningRate: 0.1 });
    const after = record(Object.keys(shapes), (name) => variables[name]!.dataSync()[0]!.toFixed(2));
    expect(after).toEqual({
      ...record(Object.keys(decayed), () => '0.95'),
      ...record(Object.keys(kept), () => '1.00'),
    });
  });

  it('handles parameters of very different sizes, empty ones included', () => {
    const sizes = [0, 1, 70_001, 3, 16];
    const names = sizes.map(String);
    const normal = (name: string, seed: number) => tf.randomNormal([Number(name)], 0, 1, 'float32', seed);
    const start = record(names, (name) => normal(name, 1));
    // None so near 0 that epsilon would count beside it.
    const gradients = record(names, (name) => {
      const drawn = normal(name, 2);
      return tf.add(drawn, tf.mul(0.1, tf.sign(drawn)));
    });
    const variables = record(names, (name) => tf.variable(start[name]!));
    new AdamW({ epsilon: 1e-12 }).step(variables, gradients, { learningRate: 0.25 });
    // The first step moves every value by the learning rate, against the sign of its gradient.
    for (const name of names) {
      const expected = tf.sub(start[name]!, tf.mul(0.25, tf.sign(gradients[name]!)));
      expect(relativeError(variables[name]!, expected)).toBeLessThan(tolerance);
    }
    const squares = names.flatMap((name) => [...gradients[name]!.dataSync()]).reduce((sum, g) => sum + g * g, 0);
    expect(Math.abs(globalNorm(Object.values(gradients)).dataSync()[0]! / Math.sqrt(squares) - 1)).toBeLessThan(1e-5);
  });

  it('leaks no tensors', () => {
    const variables = { w: tf.variable(tf.ones([3, 2])) };
    const gradients = { w: tf.ones([3, 2]) };
    const before = tf.memory().numTensors;
    const optimizer = new AdamW();
    for (let i = 0; i < 3; i++)
      tf.tidy(() =>
        optimizer.step(variables, gradients, { learningRate: 0.1, gradScale: clipScale(globalNorm([gradients.w]), 1) }),
      );
    expect(tf.memory().numTensors).toBe(before + 2);
    optimizer.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('says what is missing or does not fit', () => {
    const w = tf.variable(tf.ones([3, 2]));
    const optimizer = new AdamW();
    const step = (gradients: Record<string, tf.Tensor>) => () => optimizer.step({ w }, gradients, { learningRate: 1 });
    expect(step({})).toThrow("gradients: expected one for 'w', got none");
    expect(step({ w: tf.ones([2, 3]) })).toThrow("gradient of 'w': expected (3, 2), got (2, 3)");
    expect(step({ w: tf.ones([3, 2], 'int32') })).toThrow('expected float32, got int32');
    expect(() => optimizer.loadState({ 'm.w': w }, 1)).toThrow('state: expected v.w as well, got none');
    expect(() => optimizer.loadState({ other: w }, 1)).toThrow('got "other"');
    expect(() => new AdamW({ beta1: 1 })).toThrow('beta1: expected a number >= 0 and < 1, got 1');
    expect(() => clipScale(tf.scalar(1), 0)).toThrow('maxNorm: expected a number > 0, got 0');
  });
});
