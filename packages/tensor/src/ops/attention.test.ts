import * as tf from '@tensorflow/tfjs';

import { describeUnless, expectGradientsMatch, itMatchesReference, relativeError } from '@scmoe/testing';
import { attention, backendName, findAddon, type AttentionOptions } from '../index.js';
import { availableBackends } from '../testing/backends.js';
import { attentionKernel } from './attention.js';
import { rotateComposed } from './rope.js';

type Inputs = [tf.Tensor, tf.Tensor, tf.Tensor];

// Units of the largest magnitude. Values are sums of at most a few hundred float32 products: 1e-5 leaves a factor of ten
// over what PyTorch's float32 shows against the same float64 references; gradients add one more chain of products.
const valueTolerance = 1e-5;
const gradientTolerance = 5e-5;

/** Value and gradients of sum(attention * r). */
function run(inputs: Inputs, options: AttentionOptions, r: tf.Tensor): tf.Tensor[] {
  const gradients = tf.valueAndGrads((q, k, v) => tf.sum(tf.mul(attention(q, k, v, options), r)));
  return [attention(...inputs, options), ...gradients(inputs).grads];
}

/** (B, H, S, D) -> (B, S, H * D) */
const flat = (x: tf.Tensor) => tf.reshape(tf.transpose(x, [0, 2, 1, 3]), [x.shape[0], x.shape[2]!, -1]);

describe.each(availableBackends())('attention on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));

  itMatchesReference('matches the reference values', 'attentionCore', ({ tensors, config }) => {
    const inputs = ['q', 'k', 'v'].map((x) => flat(tensors[`input.${x}`]!)) as Inputs;
    const options = {
      numHeads: tensors['input.q']!.shape[1]!,
      numKvHeads: tensors['input.k']!.shape[1]!,
      causal: (config as { causal: boolean }).causal,
    };
    const [y, ...gradients] = run(inputs, options, flat(tensors['r.y']!));
    expect(relativeError(y!, flat(tensors['output.y']!))).toBeLessThan(valueTolerance);
    for (const [i, x] of ['q', 'k', 'v'].entries())
      expect(relativeError(gradients[i]!, flat(tensors[`grad.input.${x}`]!))).toBeLessThan(gradientTolerance);
  });

  itMatchesReference('matches the reference values with projections', 'attention', ({ tensors, config }) => {
    const { numHeads, numKvHeads, causal, rope, ropeTheta } = config as {
      numHeads: number;
      numKvHeads: number;
      causal: boolean;
      rope: 'half' | 'interleaved' | null;
      ropeTheta: number;
    };
    const options = { numHeads, numKvHeads, causal, rope: rope ? { style: rope, theta: ropeTheta } : undefined };
    const names = Object.keys(tensors).filter((key) => key.startsWith('param.') || key === 'input.x');
    const forward = (values: tf.Tensor[]) => {
      const at = Object.fromEntries(names.map((key, i) => [key.replace(/^\w+\./, ''), values[i]!]));
      const project = (x: tf.Tensor, letter: string) => {
        const rows = tf.matMul(tf.reshape(x, [-1, x.shape[2]!]), at[`w${letter}`]!);
        const bias = at[`b${letter}`];
        return tf.reshape(bias ? tf.add(rows, bias) : rows, [x.shape[0], x.shape[1]!, -1]);
      };
      const [q, k, v] = ['q', 'k', 'v'].map((letter) => project(at['x']!, letter)) as Inputs;
      return project(attention(q, k, v, options), 'o');
    };
    const values = names.map((key) => tensors[key]!);
    expect(relativeError(forward(values), tensors['output.y']!)).toBeLessThan(valueTolerance);
    const gradients = tf.grads((...all) => tf.sum(tf.mul(forward(all), tensors['r.y']!)))(values);
    for (const [i, key] of names.entries()) {
      const expected = tensors[`grad.${key}`]!;
      // The gradient of a key bias is zero in exact arithmetic without rope: measured against the key weights'.
      const scale = key === 'param.bk' ? tf.max(tf.abs(tensors['grad.param.wk']!)).dataSync()[0]! : undefined;
      expect(relativeError(gradients[i]!, expected, scale)).toBeLessThan(gradientTolerance);
    }
  });

  it('has the gradients that finite differences show', () => {
    const [q, k, v, r] = [
      [1, 3, 8],
      [1, 5, 4],
      [1, 5, 4],
      [1, 3, 8],
    ].map((shape, i) => tf.randomNormal(shape, 0, 1, 'float32', i + 1)) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
    const options: AttentionOptions = { numHeads: 4, numKvHeads: 2, rope: { style: 'interleaved' } };
    expectGradientsMatch((...x) => tf.sum(tf.mul(attention(x[0]!, x[1]!, x[2]!, options), r)), [q, k, v]);
  });

  const masks: [string, number[][]][] = [
    ['padding behind', [[1, 1, 1, 0, 0], [1, 1, 1, 1, 0]]], // prettier-ignore
    ['padding in front', [[0, 0, 1, 1, 1], [0, 1, 1, 1, 1]]], // prettier-ignore
    ['holes', [[1, 0, 1, 0, 1], [0, 1, 0, 1, 0]]], // prettier-ignore
  ];
  it.each(masks)('sees no masked key, as if it were not there: %s', (_, rows) => {
    const inputs = [1, 2, 3].map((seed) => tf.randomNormal([2, 5, 8], 0, 1, 'float32', seed)) as Inputs;
    const r = tf.randomNormal([2, 5, 8], 0, 1, 'float32', 4);
    const mask = tf.tensor2d(rows, undefined, 'bool');
    for (const causal of [false, true]) {
      const options = { numHeads: 2, causal };
      const masked = run(inputs, { ...options, mask }, r);
      rows.forEach((row, b) => {
        const kept = row.flatMap((seen, i) => (seen ? [i] : []));
        // The tokens of row b that are there; masked ones get nothing to do, for their part of r is left out.
        const cut = (x: tf.Tensor) => tf.gather(tf.slice(x, [b, 0, 0], [1, -1, -1]), tf.tensor1d(kept, 'int32'), 1);
        const alone = run(inputs.map(cut) as Inputs, options, cut(r));
        expect(relativeError(cut(masked[0]!), alone[0]!)).toBeLessThan(valueTolerance);
        const onlyTokens = tf.mul(r, tf.expandDims(tf.cast(mask, 'float32'), 2));
        const gradients = run(inputs, { ...options, mask }, onlyTokens).slice(1);
        gradients.forEach((gradient, i) =>
          expect(relativeError(cut(gradient), alone[i + 1]!)).toBeLessThan(gradientTolerance),
        );
      });
    }
  });

  it('gives 0 and gradients of 0 for a query that sees no key', () => {
    const inputs = [1, 2, 3].map((seed) => tf.randomNormal([2, 3, 8], 0, 1, 'float32', seed)) as Inputs;
    const mask = tf.tensor2d([[0, 0, 0], [0, 1, 1]], undefined, 'bool'); // prettier-ignore
    const [y, ...gradients] = run(inputs, { numHeads: 2, mask }, tf.ones([2, 3, 8]));
    for (const x of [y!, ...gradients]) {
      const values = x.arraySync() as number[][][];
      expect(values[0]!.flat().every((value) => value === 0)).toBe(true);
      expect(values.flat(2).every(Number.isFinite)).toBe(true);
    }
    const second = (y!.arraySync() as number[][][])[1]!;
    expect(second[0]!.every((value) => value === 0)).toBe(true); // under the causal mask it would see key 0 alone
    expect(second[1]!.some((value) => value !== 0)).toBe(true);
  });

  it('leaks no tensors, with and without gradients', () => {
    const inputs = [1, 2, 3].map((seed) => tf.randomNormal([2, 5, 8], 0, 1, 'float32', seed)) as Inputs;
    const before = tf.memory().numTensors;
    tf.tidy(() => void run(inputs, { numHeads: 2 }, tf.ones([2, 5, 8])));
    attention(...inputs, { numHeads: 2 }).dispose();
    const mask = tf.ones([2, 5], 'bool');
    tf.tidy(() => void run(inputs, { numHeads: 2, mask }, tf.ones([2, 5, 8])));
    attention(...inputs, { numHeads: 2, mask }).dispose();
    mask.dispose();
    expect(tf.memory().numTensors).toBe(before);
    tf.dispose(inputs);
  });

  it('rejects what does not fit, naming it', () => {
    const x = (shape: number[]) => tf.zeros(shape);
    const call =
      (q: tf.Tensor, k: tf.Tensor, options: AttentionOptions, v = k) =>
      () =>
        attention(q, k, v, options);
    const q = x([2, 3, 8]);
    expect(call(x([3, 8]), q, { numHeads: 2 })).toThrow('q: expected (batch, length, width), got (3, 8)');
    expect(call(tf.cast(q, 'int32'), q, { numHeads: 2 })).toThrow('q: expected float32, got int32');
    expect(call(q, q, { numHeads: 3 })).toThrow('width of q: expected a multiple of numHeads 3, got 8');
    expect(call(q, q, { numHeads: 0 })).toThrow('numHeads: expected a positive integer, got 0');
    expect(call(q, q, { numHeads: 4, numKvHeads: 3 })).toThrow('numKvHeads: expected a divisor of numHeads 4, got 3');
    expect(call(q, x([2, 3, 6]), { numHeads: 2 })).toThrow('k: expected (2, 3, 8)');
    expect(call(q, q, { numHeads: 2 }, x([2, 4, 8]))).toThrow('v: expected (2, 3, 8)');
    expect(call(q, x([2, 2, 8]), { numHeads: 2 })).toThrow(
      'q: expected at most 2 queries, one a key, under a causal mask, got 3',
    );
    expect(call(q, x([2, 0, 8]), { numHeads: 2, causal: false })).toThrow('at least one key');
    expect(call(q, q, { numHeads: 2, mask: x([2, 3]) })).toThrow('mask: expected bool, got float32');
    const mask = tf.zeros([3, 2], 'bool');
    expect(call(q, q, { numHeads: 2, mask })).toThrow('mask: expected (2, 3) for the keys, got (3, 2)');
    expect(call(q, q, { numHeads: 8, rope: { style: 'half' } })).toThrow(
      'the head size: expected an even number for rope, got 1',
    );
  });
});

describeUnless(findAddon().problem, 'native attention', () => {
  beforeAll(() => tf.setBackend(backendName));

  // [B, S, Sk, H, Hkv, D]: blocks of 48 or 64 queries and as many or twice the keys, tiles of 8 and vectors of 16 are cut everywhere.
  it.each([
    [1, 1, 1, 1, 1, 1],
    [2, 1, 37, 3, 3, 16], // decoding
    [1, 2, 130, 4, 2, 64], // two queries against a cache, a shared key head
    [2, 1, 300, 8, 1, 24], // one key head for eight, keys in several blocks of 128
    [1, 4, 257, 8, 4, 40], // the last block has one key, which one query sees
    [2, 1, 9, 4, 1, 5],
    [1, 3, 3, 2, 2, 7],
    [2, 47, 47, 2, 1, 32],
    [1, 49, 129, 2, 2, 33],
    [1, 50, 261, 2, 2, 48],
    [1, 100, 100, 2, 1, 64],
    [1, 100, 100, 1, 1, 128], // one head: its queries are spread over the threads
    [1, 65, 64, 2, 2, 20],
    [0, 4, 4, 2, 2, 8],
    [2, 0, 3, 2, 2, 8],
  ])('agrees with the composed one, values and gradients: B %d, S %d, Sk %d, H %d, Hkv %d, D %d', (...sizes) => {
    const [batch, queries, keys, numHeads, numKvHeads, size] = sizes;
    const options: AttentionOptions[] = [{ numHeads, numKvHeads, causal: false }];
    if (queries <= keys) options.push({ numHeads, numKvHeads, scale: 0.3 });
    if (queries <= keys && size % 2 === 0) {
      options.push({ numHeads, numKvHeads, rope: { style: 'half', theta: 500 } });
      options.push({ numHeads, numKvHeads, causal: false, rope: { style: 'interleaved' } });
    }
    const inputs = [
      tf.randomNormal([batch, queries, numHeads * size], 0, 1, 'float32', 1),
      tf.randomNormal([batch, keys, numKvHeads * size], 0, 1, 'float32', 2),
      tf.randomNormal([batch, keys, numKvHeads * size], 0, 1, 'float32', 3),
    ] as Inputs;
    const r = tf.randomNormal([batch, queries, numHeads * size], 0, 1, 'float32', 4);
    const mask = tf.greater(tf.randomUniform([batch, keys], 0, 1, 'float32', 7), 0.4);
    for (const option of options.flatMap((option) => [option, { ...option, mask }])) {
      const fused = run(inputs, option, r);
      const kernel = tf.getKernel(attentionKernel, backendName);
      tf.unregisterKernel(attentionKernel, backendName);
      const composed = run(inputs, option, r);
      tf.registerKernel(kernel);
      for (const [i, value] of fused.entries())
        expect(relativeError(value, composed[i]!)).toBeLessThan(i === 0 ? valueTolerance : gradientTolerance);
    }
  });

  it('survives scores far apart', () => {
    const q = tf.mul(tf.randomNormal([1, 60, 32], 0, 1, 'float32', 1), 40);
    const v = tf.randomNormal([1, 60, 32], 0, 1, 'float32', 2);
    const y = attention(q, q, v, { numHeads: 1, causal: false });
    // Scores reach 1,600 * 32 / sqrt(32): each query sees itself alone.
    expect(relativeError(y, v)).toBeLessThan(1e-6);
  });

  it('shows a value that is not a number', () => {
    const q = tf.tensor([NaN, 1, 2, 3], [1, 2, 2]);
    expect([...attention(q, q, q, { numHeads: 1 }).dataSync()].every(Number.isNaN)).toBe(true);
  });

  it('gives the same bits again', () => {
    const x = tf.randomNormal([1, 150, 64], 0, 1, 'float32', 5);
    const once = run([x, x, x], { numHeads: 2 }, x).map((y) => y.dataSync());
    expect(run([x, x, x], { numHeads: 2 }, x).map((y) => y.dataSync())).toEqual(once);
  });
});

describe('rotary position embedding', () => {
  itMatchesReference('matches the reference values', 'rope', ({ tensors, config }) => {
    const { rope, ropeTheta } = config as { rope: 'half' | 'interleaved'; ropeTheta: number };
    const x = tf.transpose(tensors['input.x']!, [0, 2, 1, 3]) as tf.Tensor4D;
    const first = tensors['buffer.positions']!.dataSync()[0]!;
    const y = tf.transpose(rotateComposed(x, first, { style: rope, theta: ropeTheta }), [0, 2, 1, 3]);
    expect(relativeError(y, tensors['output.y']!)).toBeLessThan(valueTolerance);
  });
});
