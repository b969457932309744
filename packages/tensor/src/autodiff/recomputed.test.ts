import * as tf from '@tensorflow/tfjs';

import {
  attention,
  attentionKernels,
  dropout,
  isRunningAgain,
  layerNorm,
  linear,
  memo,
  recomputed,
  stopGradient,
  useBackend,
  valueAndGrads,
  type RecomputedOptions,
} from '../index.js';
import { availableBackends } from '../testing/backends.js';

const d = 8;
const numBlocks = 3;
type Weights = Record<string, tf.Variable>;
type Wrap = typeof recomputed;

/** Runs a function as `recomputed`, but nothing is computed twice. */
const once: Wrap = (inputs, body) => body(inputs);

function makeWeights(): Weights {
  const variable = (shape: number[], seed: number) => tf.variable(tf.randomNormal(shape, 0, 0.4, 'float32', seed));
  const weights: Weights = { shared: variable([d, d], 1) };
  for (let i = 0; i < numBlocks; i++) {
    weights[`gain${i}`] = variable([d], 10 * i + 2);
    weights[`bias${i}`] = variable([d], 10 * i + 3);
    weights[`first${i}`] = variable([d, 2 * d], 10 * i + 4);
    weights[`second${i}`] = variable([2 * d, d], 10 * i + 5);
  }
  return weights;
}

/** A residual block with all that a transformer's has: norm, attention, dropout, products; `shared` is in all of them. */
function block(x: tf.Tensor3D, weights: Weights, i: number): { y: tf.Tensor3D; scores: tf.Tensor; numbers: tf.Tensor } {
  const normed = layerNorm(x, weights[`gain${i}`]!, weights[`bias${i}`]!) as tf.Tensor3D;
  const q = linear(normed, weights['shared']!) as tf.Tensor3D;
  const attended = attention(q, normed, normed, { numHeads: 2 });
  const c: tf.Tensor3D = tf.add(x, dropout(attended, { rate: 0.3, seed: 5, stream: i }));
  const hidden = linear(c, weights[`first${i}`]!, undefined, { activation: 'gelu' });
  const scores = tf.softmax(linear(hidden, weights[`second${i}`]!));
  const largest = tf.argMax(stopGradient(scores), -1);
  return { y: tf.add(c, scores), scores, numbers: largest };
}

function lossOf(weights: Weights, x: tf.Tensor3D, wrap: Wrap, options?: RecomputedOptions): tf.Scalar {
  let y = x;
  let extra: tf.Tensor = tf.scalar(0);
  for (let i = 0; i < numBlocks; i++) {
    const result = wrap({ x: y, place: { i } }, (inputs) => block(inputs.x, weights, inputs.place.i), options);
    y = result.y;
    // A second output with a gradient, as the routers of a model have, and one without.
    extra = tf.add(
      extra,
      tf.mean(tf.mul(tf.square(result.scores), tf.cast(tf.expandDims(result.numbers, -1), 'float32'))),
    );
  }
  return tf.add(tf.mean(tf.square(y)), extra);
}

interface Outcome {
  value: number;
  grads: Record<string, Float32Array>;
  order: string[];
}

function gradientsOf(weights: Weights, loss: () => tf.Scalar): Outcome {
  const order: string[] = [];
  const { value, grads } = valueAndGrads(loss, weights, { onGrad: (name) => order.push(name) });
  const read = Object.entries(grads).map(([name, grad]) => [name, grad.dataSync<'float32'>().slice()]);
  const outcome = { value: value.dataSync()[0]!, grads: Object.fromEntries(read) as Outcome['grads'], order };
  tf.dispose([value, grads]);
  return outcome;
}

describe.each(availableBackends())('recomputed on %s', (backend) => {
  let weights: Weights;
  let x: tf.Tensor3D;
  beforeAll(async () => {
    await tf.setBackend(backend);
    if (backend === 'scmoe') await useBackend('scmoe', { threads: 1 });
    weights = makeWeights();
    x = tf.randomNormal([2, 6, d], 0, 1, 'float32', 9);
  });
  afterAll(() => tf.dispose([weights, x]));

  it.each<[string, RecomputedOptions]>([
    ['its inputs alone', {}],
    ['the results of attention as well', { keep: attentionKernels }],
  ])('gives the same bits and the same order of gradients, keeping %s', (_, options) => {
    const before = tf.memory().numTensors;
    const plain = gradientsOf(weights, () => lossOf(weights, x, once));
    expect(gradientsOf(weights, () => lossOf(weights, x, recomputed, options))).toEqual(plain);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('holds less while the backward pass waits', () => {
    const held = (wrap: Wrap) => {
      let bytes = 0;
      const loss = () => {
        const result = lossOf(weights, x, wrap);
        bytes = tf.memory().numTensors;
        return result;
      };
      gradientsOf(weights, loss);
      return bytes;
    };
    expect(held(recomputed)).toBeLessThan(held(once) - 5 * numBlocks);
  });

  it('computes what it is where no gradient is taken, and under gradients of TF.js', () => {
    let runs = 0;
    const squared = () =>
      recomputed({ x }, (inputs) => {
        runs++;
        return { y: tf.mean<tf.Scalar>(tf.mul(tf.square(inputs.x), tf.sum(weights['shared']!))) };
      }).y;
    const expected = tf.tidy(() => squared().dataSync()[0]!);
    const { value, grads } = tf.variableGrads(squared, [weights['shared']!]);
    expect([value.dataSync()[0], runs]).toEqual([expected, 2]);
    tf.dispose([value, grads]);
  });

  it('runs twice, and says so the second time', () => {
    const seen: boolean[] = [];
    const body = ({ x: given }: { x: tf.Tensor }) => {
      seen.push(isRunningAgain());
      return { y: tf.mul(given, weights['gain0']!) };
    };
    gradientsOf({ gain0: weights['gain0']! }, () => tf.mean<tf.Scalar>(recomputed({ x }, body).y));
    expect(seen).toEqual([false, true]);
    expect(isRunningAgain()).toBe(false);
  });

  it.each([true, false])('leaves large memos to the second pass where it is to: %s', (keeps) => {
    let made = 0;
    const make = () => tf.tensor1d(Array.from({ length: d }, () => ++made));
    const body = ({ x: given }: { x: tf.Tensor }) => {
      const place = memo<tf.Tensor>({ isLarge: true });
      const factor = place?.value ?? make();
      if (place && !place.value) place.leave(factor);
      return { y: tf.mul(tf.mul(given, weights['gain0']!), factor) };
    };
    const before = tf.memory().numTensors;
    const run = () => tf.mean<tf.Scalar>(recomputed({ x }, body, { keepLarge: () => keeps }).y);
    const { grads } = gradientsOf({ gain0: weights['gain0']! }, run);
    expect(made).toBe(keeps ? d : 2 * d);
    const first = keeps ? 1 : d + 1;
    const factors = tf.tensor1d(Array.from({ length: d }, (_, i) => first + i));
    const expected = tf.tidy(() => tf.div(tf.sum(tf.mul(x, factors), [0, 1]), x.size).dataSync<'float32'>());
    factors.dispose();
    grads['gain0']!.forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 4));
    expect(tf.memory().numTensors).toBe(before);
  });

  it('names a variable that it reads, but not on the way to the loss', () => {
    const used = { gain0: weights['gain0']!, gain1: weights['gain1']! };
    const run = () => {
      const { y } = recomputed({ x }, (inputs) => ({
        y: tf.mul<tf.Tensor>(inputs.x, used.gain0),
        other: tf.mul<tf.Tensor>(inputs.x, used.gain1),
      }));
      return tf.mean<tf.Scalar>(y);
    };
    const before = tf.memory().numTensors;
    expect(() => valueAndGrads(run, used)).toThrow(/every variable, got no path to 'gain1'/);
    const { value, grads } = valueAndGrads(run, used, { allowUnused: true });
    expect([...grads.gain1!.dataSync()]).toEqual(Array(d).fill(0));
    tf.dispose([value, grads]);
    expect(tf.memory().numTensors).toBe(before);
  });

  it.each<[string, () => tf.Scalar, RegExp]>([
    [
      'a part that does something else the second time',
      () => {
        let runs = 0;
        const body = (inputs: { x: tf.Tensor }) => {
          const y = tf.mul(inputs.x, weights['gain0']!);
          return { y: runs++ === 0 ? tf.square(y) : tf.exp(y) };
        };
        return tf.mean<tf.Scalar>(recomputed({ x }, body).y);
      },
      /second pass to do what the first did, got Exp in the place of Square \(operation 2 of 2\)/,
    ],
    [
      'a tensor that is gone by then',
      () => {
        const y = tf.tidy(() => {
          const passing = tf.mul(x, 2);
          return recomputed({ x }, (inputs) => ({ y: tf.mul(tf.mul(inputs.x, weights['gain0']!), passing) }));
        }).y;
        return tf.mean(y);
      },
      /inputs to have all tensors that are freed before the backward pass, got one less, float32 of shape \[2, 6, 8\]/,
    ],
    [
      'a part that throws',
      () => {
        const y = recomputed({ x }, (inputs) => {
          const result = tf.mul(inputs.x, weights['gain0']!);
          if (isRunningAgain()) throw new Error('the second time');
          return { y: result };
        }).y;
        return tf.mean(y);
      },
      /the second time/,
    ],
  ])('refuses %s, and leaves nothing behind', (_, loss, message) => {
    const before = tf.memory().numTensors;
    expect(() => valueAndGrads(loss, { gain0: weights['gain0']! })).toThrow(message);
    expect(tf.memory().numTensors).toBe(before);
    expect(isRunningAgain()).toBe(false);
  });
});
