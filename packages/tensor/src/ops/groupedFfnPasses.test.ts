import { availableBackends } from '../testing/backends.js';
import * as tf from '@tensorflow/tfjs';

import { randomNormal, useBackend, valueAndGrads } from '../index.js';
import { groupedFfn, type GroupedFfnOptions, type TwoLayerExperts } from './groupedFfn.js';
import { groupedFfnBackward, groupedFfnForward } from './groupedFfnPasses.js';

const [n, d, f] = [3, 4, 5];
const shapes: Record<string, number[]> = {
  ...{ w1: [n, d, f], b1: [n, f], w2: [n, f, d], b2: [n, d] },
  ...{ gate: [n, d, f], up: [n, d, f], down: [n, f, d] },
};
const clampedGlu = { limit: 1, alpha: 1.7 };

describe.each(availableBackends())('the passes of groupedFfn apart on %s', (backend) => {
  beforeAll(async () => {
    if (backend === 'cpu') await tf.setBackend('cpu');
    else await useBackend('auto', { threads: 1 });
  });

  it.each<[string, string[], GroupedFfnOptions]>([
    ['biases, rows without gaps', ['w1', 'b1', 'w2', 'b2'], { activation: 'gelu' }],
    ['a capacity', ['w1', 'w2'], { activation: 'silu', capacity: 3 }],
    ['swiglu', ['gate', 'up', 'down'], { activation: 'swiglu' }],
    ['swiglu, clamped', ['gate', 'up', 'down'], { activation: 'swiglu', clampedGlu }],
  ])('give its value and its gradients, bit for bit: %s', (_, names, options) => {
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      const counts = tf.tensor1d([2, 0, 3], 'int32');
      const x = tf.variable(randomNormal([options.capacity ? n * options.capacity : 5, d], { seed: 1 }));
      const dy = randomNormal(x.shape, { seed: 2 });
      const weights = Object.fromEntries(
        names.map((name, i) => [name, tf.variable(randomNormal(shapes[name]!, { seed: 3 + i }))]),
      );
      const experts = weights as unknown as TwoLayerExperts;
      let y: tf.Tensor | undefined;
      const { grads } = valueAndGrads(
        () => {
          y = tf.keep(groupedFfn(x, counts, experts, options));
          return tf.sum(tf.mul(y, dy));
        },
        { x, ...weights },
      );
      const inputs = { rows: x, counts, experts };
      const forward = groupedFfnForward(inputs, options);
      expect([...forward.y.dataSync()]).toEqual([...y!.dataSync()]);
      const back = groupedFfnBackward(dy, inputs, forward.hidden, options);
      for (const [name, gradient] of Object.entries({ x: back.rows, ...back.experts }))
        expect([name, ...gradient.dataSync()]).toEqual([name, ...grads[name]!.dataSync()]);
      expect(Object.keys(back.experts)).toEqual(names);
      tf.dispose([y!, x, weights]);
    });
    expect(tf.memory().numTensors).toBe(before);
  });
});
