import { loadBalanceLoss } from '@scmoe/gating';
import * as tf from '@tensorflow/tfjs';

import { type Golden, golden, goldenNames } from '@scmoe/testing';
import { resolveMoeLayer, resolveSharedMoeLayer } from '../layers/moeLayerOptions.js';
import { expectGradients, expectOutput, tensorsOf } from '../testing/expectGolden.js';
import { backends } from '../testing/backends.js';
import type { ResolvedMoeLayer } from './moeLayerOperators.js';
import { runMoe } from './runMoe.js';

/** Routers with zero-computation experts or a correction bias (which makes the idle expert) are not built. */
const names = [...goldenNames('moe-'), ...goldenNames('shared-')].filter((name) => !/zero|idle/.test(name));

function configOf({ config, tensors }: Golden): ResolvedMoeLayer {
  const hidden = (name: string) =>
    (tensors[`param.${name}.w1`] ?? tensors[`param.${name}.gate`])?.shape.at(-1) as number;
  const args = { ...config, expertHidden: hidden('experts'), sharedHidden: hidden('shared') };
  return config.layer === 'shared' ? resolveSharedMoeLayer(args) : resolveMoeLayer(args, 1);
}

const suite = names.length > 0 ? describe.each(backends) : describe.skip.each(backends);
suite('runMoe against the reference values on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  it.each(names)('%s', (name) => {
    const reference = golden(name)!;
    const config = configOf(reference);
    const { y, routing } = runMoe(reference.tensors['input.x']!, tensorsOf(reference, 'param.'), config);
    expectOutput(reference, 'y', y);
    expectOutput(reference, 'weights', routing.weights);
    expect(routing.experts.dataSync()).toEqual(reference.tensors['output.experts']!.dataSync());

    const coefficient = reference.config.auxLossCoefficient ?? 0;
    const inputs = Object.keys(reference.tensors).filter((key) => /^(param|input)\./.test(key));
    expectGradients(reference, inputs, (given) => {
      const result = runMoe(given['input.x']!, tensorsOf({ ...reference, tensors: given }, 'param.'), config);
      const task = tf.sum(tf.mul(result.y, reference.tensors['r.y']!));
      return tf.add(task, tf.mul(loadBalanceLoss(result.routing), coefficient));
    });
  });
});
