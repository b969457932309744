import {
  type Reference,
  availableBackends,
  expectGradients,
  expectOutput,
  readReference,
  referenceCases,
} from '@scmoe/testing';
import { sequentialPlan } from '@scmoe/scheduler';
import * as tf from '@tensorflow/tfjs';

import { resolveBlock, type BlockConfig } from './BlockConfig.js';
import { checkParameters } from '../../parameters/ParameterSpec.js';
import { executePlan } from '../../plan/executePlan.js';
import { backboneOfReference, differentiable, parametersOfReference } from '../../testing/referenceConfig.js';
import { blockOperators } from './blockOperators.js';
import { blockSpecs } from './blockSpecs.js';
import { runBlock } from './runBlock.js';

const names = referenceCases('everyBlock');

function configOf(reference: Reference): BlockConfig {
  // A block has one position.
  const { position, ...same } = backboneOfReference(reference);
  expect(position).toBe('pos1');
  return { ...same, kind: 'scmoe' };
}

describe.each(availableBackends())('runBlock against the reference values on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  it.each(names)('%s', (name) => {
    const reference = readReference(name);
    const config = resolveBlock(configOf(reference));
    const parameters = parametersOfReference(reference);
    const x = reference.tensors['input.x'] as tf.Tensor3D;
    checkParameters(parameters, blockSpecs(config));

    const operators = blockOperators(parameters, config);
    const values = executePlan(sequentialPlan(operators), operators, { x });
    for (const output of ['c', 's', 'routed', 'y'] as const) expectOutput(reference, output, values[output]!);
    expectOutput(reference, 'weights', values.routing!.weights);
    expect(values.routing!.experts.dataSync()).toEqual(reference.tensors['output.experts']!.dataSync());

    expectGradients(reference, differentiable(reference), (given) => {
      const { y } = runBlock(given['input.x'] as tf.Tensor3D, parametersOfReference(reference, given), config);
      return tf.sum(tf.mul(y, reference.tensors['r.y']!));
    });
  });
});
