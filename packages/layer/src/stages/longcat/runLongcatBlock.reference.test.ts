import { expectOutput, type Reference } from '@scmoe/testing';
import { sequentialPlan } from '@scmoe/scheduler';
import type * as tf from '@tensorflow/tfjs';

import { checkParameters } from '../../parameters/ParameterSpec.js';
import { executePlan } from '../../plan/executePlan.js';
import { describeReference, expectGradientsOf, expectRouting } from '../../testing/describeReference.js';
import { backboneOfReference, parametersOfReference } from '../../testing/referenceConfig.js';
import { resolveLongcatBlock, type LongcatBlockConfig } from './LongcatBlockConfig.js';
import { longcatOperators } from './longcatOperators.js';
import { longcatSpecs } from './longcatSpecs.js';
import { runLongcatBlock } from './runLongcatBlock.js';

/** Theirs are counted from 0 and call an MLP a feed-forward network. */
function ourName(name: string): string {
  return name.replace(/^(attn|ffn|normAttn|normFfn)([01])/, (_, part: string, index: string) => {
    return `${part.replace('ffn', 'mlp').replace('Ffn', 'Mlp')}${Number(index) + 1}`;
  });
}

function parametersOf(reference: Reference, given?: Record<string, tf.Tensor>): Record<string, tf.Tensor> {
  const theirs = Object.entries(parametersOfReference(reference, given));
  return Object.fromEntries(theirs.map(([name, tensor]) => [ourName(name), tensor]));
}

function configOf(reference: Reference): LongcatBlockConfig {
  const { numExperts } = reference.config;
  return { ...backboneOfReference(reference), numExperts, ffnHidden: reference.tensors['param.ffn0.gate']!.shape[1]! };
}

describeReference('runLongcatBlock', 'longcatBlock', (reference) => {
  const config = resolveLongcatBlock(configOf(reference));
  const parameters = parametersOf(reference);
  checkParameters(parameters, longcatSpecs(config));

  const operators = longcatOperators(parameters, config);
  const x = reference.tensors['input.x'] as tf.Tensor3D;
  const values = executePlan(sequentialPlan(operators), operators, { x });
  for (const output of ['a', 'u', 'b', 'c', 'routed', 'y'] as const) expectOutput(reference, output, values[output]!);
  expectRouting(reference, values.routing!);
  expectGradientsOf<tf.Tensor3D>(reference, (...args) => runLongcatBlock(...args, config), parametersOf);
});
