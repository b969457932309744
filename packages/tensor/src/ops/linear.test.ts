import * as tf from '@tensorflow/tfjs';

import { describeOrSkip, expectGradientsMatch, itMatchesReference, relativeError } from '@scmoe/testing';
import { linear, linearComposed, useBackend, type Activation } from '../index.js';
import { availableBackends } from '../testing/backends.js';
import { expectNoLeak, expectTwinsAgree } from '../testing/twin.js';

const activations: Activation[] = ['none', 'gelu', 'gelu_tanh', 'silu'];
const random = (...shape: number[]) => tf.randomNormal(shape, 0, 1, 'float32', shape.length + 3);

describe.each(availableBackends())('linear on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));

  // 1 row, odd sizes, more rows than one block, no rows; 700 rows cross the blocks of the threads.
  const shapes = [
    [1, 5, 3],
    [7, 13, 17],
    [700, 24, 40],
    [0, 4, 4],
  ] as const;
  for (const activation of activations) {
    it.each(shapes)(`agrees with its twin, ${activation}, %d x %d x %d`, (rows, dIn, dOut) => {
      const options = { activation };
      const inputs = [random(rows, dIn), random(dIn, dOut), random(dOut)];
      expectTwinsAgree(
        (x, w, b) => linear(x, w, b, options),
        (x, w, b) => linearComposed(x, w, b, options),
        inputs,
      );
      const bare = inputs.slice(0, 2);
      expectTwinsAgree(
        (x, w) => linear(x, w, undefined, options),
        (x, w) => linearComposed(x, w, undefined, options),
        bare,
      );
    });

    it(`has the gradients of finite differences, ${activation}`, () => {
      const inputs = [random(2, 3, 5), random(5, 4), random(4)];
      expectGradientsMatch((x, w, b) => tf.sum(tf.square(linear(x, w, b, { activation }))), inputs);
    });
  }

  itMatchesReference('matches the reference values', 'activation', ({ tensors, config }) => {
    const { activation } = config as { activation: Activation };
    const x = tensors['input.x']!;
    const identity = tf.eye(x.shape.at(-1)!);
    const apply = (input: tf.Tensor) => linear(input, identity, undefined, { activation });
    expect(relativeError(apply(x), tensors['output.y']!)).toBeLessThan(1e-5);
    const gradient = tf.grad((input: tf.Tensor) => tf.sum(tf.mul(apply(input), tensors['r.y']!)))(x);
    expect(relativeError(gradient, tensors['grad.input.x']!)).toBeLessThan(5e-5);
  });

  it('keeps leading dimensions', () => {
    expect(linear(random(2, 3, 4, 5), random(5, 6)).shape).toEqual([2, 3, 4, 6]);
  });

  it('leaves no tensor behind', () => {
    const [x, w, b] = [random(8, 4), random(4, 4), random(4)] as const;
    expectNoLeak(() =>
      tf.tidy(() => void tf.grads((a: tf.Tensor) => tf.sum(linear(a, w, b, { activation: 'gelu' })))([x])),
    );
  });

  it('names what does not fit', () => {
    const x = random(2, 4);
    expect(() => linear(x, random(5, 3))).toThrow(
      'linear: weight: expected (4, 3) for the last dimension of x, got (5, 3)',
    );
    expect(() => linear(x, random(4))).toThrow('linear: weight: expected (dIn, dOut), got (4)');
    expect(() => linear(x, random(4, 3), random(4))).toThrow('linear: bias: expected (3)');
    expect(() => linear(tf.cast(x, 'int32'), random(4, 3))).toThrow('linear: x: expected float32, got int32');
    expect(() => linear(x, random(4, 3), undefined, { activation: 'relu' as 'gelu' })).toThrow(
      'activation: expected one of',
    );
  });
});

const { precision } = await useBackend('auto', { precision: 'bf16' });
await useBackend('auto', { precision: 'float32' });
const bf16Problem = precision === 'bf16' ? undefined : 'this machine has no bf16 products';
describeOrSkip(bf16Problem, 'linear in bf16', () => {
  it('stays near float32, and exactly float32 where asked', async () => {
    await useBackend('auto', { precision: 'bf16' });
    const inputs = [random(96, 64), random(64, 32), random(32)];
    const options = { activation: 'gelu' } as const;
    // bf16 has 8 significant bits: a product of rounded factors is within 2^-8, a sum of 64 of them well within 2^-6.
    const tolerance = 2 ** -6;
    expectTwinsAgree(
      (x, w, b) => linear(x, w, b, options),
      (x, w, b) => linearInFloat32(x, w, b),
      inputs,
      {
        values: tolerance,
        gradients: tolerance,
      },
    );
    const [x, w, b] = inputs as [tf.Tensor, tf.Tensor, tf.Tensor];
    const rounded = linear(x, w, b, options).dataSync();
    const exact = linearInFloat32(x, w, b).dataSync();
    await useBackend('auto', { precision: 'float32' });
    const expected = linear(x, w, b, options).dataSync();
    expect(exact).toEqual(expected);
    expect(rounded).not.toEqual(expected);
  });

  function linearInFloat32(x: tf.Tensor, w: tf.Tensor, b: tf.Tensor): tf.Tensor {
    return linear(x, w, b, { activation: 'gelu', float32: true });
  }
});
