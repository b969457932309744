import { expectOutput, type Reference } from '@scmoe/testing';

import { resolveMoeLayer, resolveSharedMoeLayer } from '../tfLayers/moeLayerOptions.js';
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
