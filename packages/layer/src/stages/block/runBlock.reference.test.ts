import { expectOutput, type Reference } from '@scmoe/testing';
import { sequentialPlan } from '@scmoe/scheduler';
import type * as tf from '@tensorflow/tfjs';

import { resolveBlock, type BlockConfig } from './BlockConfig.js';
import { checkParameters } from '../../parameters/ParameterSpec.js';
import { executePlan } from '../../plan/executePlan.js';
import { describeReference, expectGradientsOf, expectRouting } from '../../testing/describeReference.js';
import { backboneOfReference, parametersOfReference } from '../../testing/referenceConfig.js';
import { blockOperators } from './blockOperators.js';
import { blockSpecs } from './blockSpecs.js';
import { runBlock } from './runBlock.js';

function configOf(reference: Reference): BlockConfig {
  // A block has one position.
  const { position, ...same } = backboneOfReference(reference);
  expect(position).toBe('pos1');
  return { ...same, kind: 'scmoe' };
}

describeReference('runBlock', 'everyBlock', (reference) => {
  const config = resolveBlock(configOf(reference));
  const parameters = parametersOfReference(reference);
  checkParameters(parameters, blockSpecs(config));

  const operators = blockOperators(parameters, config);
  const x = reference.tensors['input.x'] as tf.Tensor3D;
  const values = executePlan(sequentialPlan(operators), operators, { x });
  for (const output of ['c', 's', 'routed', 'y'] as const) expectOutput(reference, output, values[output]!);
  expectRouting(reference, values.routing!);
  expectGradientsOf<tf.Tensor3D>(reference, (...args) => runBlock(...args, config));
});
