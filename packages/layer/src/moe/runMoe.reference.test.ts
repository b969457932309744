import { loadBalanceLoss } from '@scmoe/gating';
import {
  type Reference,
  availableBackends,
  expectGradients,
  expectOutput,
  readReference,
  referenceCases,
} from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { resolveMoeLayer, resolveSharedMoeLayer } from '../tfLayers/moeLayerOptions.js';
import { checkParameters } from '../parameters/ParameterSpec.js';
import { differentiable, parametersOfReference } from '../testing/referenceConfig.js';
import { moeSpecs, type ResolvedMoeLayer } from './moeLayerOperators.js';
import { runMoe } from './runMoe.js';

const names = referenceCases('moe');

function configOf({ config, tensors }: Reference): ResolvedMoeLayer {
  const hidden = (name: string) =>
    (tensors[`param.${name}.w1`] ?? tensors[`param.${name}.gate`])?.shape.at(-1) as number;
  const args = { ...config, expertHidden: hidden('experts'), sharedHidden: hidden('shared') };
  return config.layer === 'shared' ? resolveSharedMoeLayer(args) : resolveMoeLayer(args, 1);
}

describe.each(availableBackends())('runMoe against the reference values on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  it.each(names)('%s', (name) => {
    const reference = readReference(name);
    const config = configOf(reference);
    const x = reference.tensors['input.x']!;
    const parameters = parametersOfReference(reference);
    checkParameters(parameters, moeSpecs(x.shape.at(-1)!, config));
    const { y, routing } = runMoe(x, parameters, config);
    expectOutput(reference, 'y', y);
    expectOutput(reference, 'weights', routing.weights);
    expect(routing.experts.dataSync()).toEqual(reference.tensors['output.experts']!.dataSync());

    const coefficient = reference.config.auxLossCoefficient ?? 0;
    expectGradients(reference, differentiable(reference), (given) => {
      const result = runMoe(given['input.x']!, parametersOfReference(reference, given), config);
      const task = tf.sum(tf.mul(result.y, reference.tensors['r.y']!));
      return tf.add(task, tf.mul(loadBalanceLoss(result.routing), coefficient));
    });
  });
});
