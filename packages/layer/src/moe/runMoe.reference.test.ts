import { jitterTokens } from '@scmoe/gating';
import { expectOutput, type Reference } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { resolveMoeLayer, resolveSharedMoeLayer } from '../tfLayers/moeLayerOptions.js';
import type { ParameterRecord } from '../parameters/ParameterRecord.js';
import { checkParameters } from '../parameters/ParameterSpec.js';
import { describeReference, expectGradientsOf, expectRouting } from '../testing/describeReference.js';
import { parametersOfReference } from '../testing/referenceConfig.js';
import { moeSpecs, type ResolvedMoeLayer } from './moeLayerOperators.js';
import { runMoe } from './runMoe.js';

function configOf({ config, tensors }: Reference): ResolvedMoeLayer {
  const hidden = (name: string) =>
    (tensors[`param.${name}.w1`] ?? tensors[`param.${name}.gate`])?.shape.at(-1) as number;
  const args = { ...config, expertHidden: hidden('experts'), sharedHidden: hidden('shared') };
  return config.layer === 'shared' ? resolveSharedMoeLayer(args) : resolveMoeLayer(args, 1);
}

describeReference('runMoe', 'moe', (reference) => {
  const config = configOf(reference);
  const x = reference.tensors['input.x']!;
  const parameters = parametersOfReference(reference);
  checkParameters(parameters, moeSpecs(x.shape.at(-1)!, config));
  const { y, routing } = runMoe(x, parameters, config);
  expectOutput(reference, 'y', y);
  expectRouting(reference, routing);
  expectGradientsOf(reference, (...args) => runMoe(...args, config));
});

// The input of gate and experts is divided by what the jitter multiplies it with: the result is that without a jitter, in
// output and gradients, if all of them read the product and nothing else does.
describeReference('runMoe whose experts read the jitter', 'moe', (reference) => {
  const config = { ...configOf(reference), jitter: 0.5, jitterExperts: true };
  const router = { training: true, seed: 3, stream: 7 };
  const run = (x: tf.Tensor, parameters: ParameterRecord) => {
    const factors = jitterTokens(tf.onesLike(x), config, router);
    return runMoe(x, parameters, config, { shortcut: tf.div(x, factors), router });
  };
  const { y, routing } = run(reference.tensors['input.x']!, parametersOfReference(reference));
  expectOutput(reference, 'y', y);
  expectRouting(reference, routing);
  expectGradientsOf(reference, run);
});
