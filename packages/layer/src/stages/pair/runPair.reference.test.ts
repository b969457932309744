import { loadBalanceLoss } from '@scmoe/gating';
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

import { resolvePair, type PairConfig } from './PairConfig.js';
import { checkParameters } from '../../parameters/ParameterSpec.js';
import { executePlan } from '../../plan/executePlan.js';
import { backboneOfReference, differentiable, parametersOfReference } from '../../testing/referenceConfig.js';
import { pairOperators } from './pairOperators.js';
import { pairSpecs } from './pairSpecs.js';
import { runPair } from './runPair.js';

const names = referenceCases('pair');

const configOf = (reference: Reference): PairConfig => ({
  ...backboneOfReference(reference),
  kind: reference.config.layer as PairConfig['kind'],
});

describe.each(availableBackends())('runPair against the reference values on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  it.each(names)('%s', (name) => {
    const reference = readReference(name);
    const config = resolvePair(configOf(reference));
    const parameters = parametersOfReference(reference);
    const x = reference.tensors['input.x'] as tf.Tensor3D;
    checkParameters(parameters, pairSpecs(config));

    const operators = pairOperators(parameters, config);
    const values = executePlan(sequentialPlan(operators), operators, { x });
    for (const output of ['a', 'b', 'c', 'u', 'y', 'routed'] as const) expectOutput(reference, output, values[output]!);
    if (config.moe?.shortcut) expectOutput(reference, 's', values.s!);
    if (config.moe?.shared) expectOutput(reference, 'shared', values.shared!.output);
    if (values.shared?.coefficients) expectOutput(reference, 'coefficients', values.shared.coefficients);
    expectOutput(reference, 'weights', values.routing!.weights);
    const ids = (output: string) => reference.tensors[`output.${output}`]!.dataSync();
    expect(values.routing!.experts.dataSync()).toEqual(ids('experts'));
    if (config.kind === 'dgmoe') {
      expectOutput(reference, 'routedCurrent', values.currentRouted!);
      expectOutput(reference, 'currentWeights', values.currentRouting!.weights);
      expect(values.currentRouting!.experts.dataSync()).toEqual(ids('currentExperts'));
    }

    const coefficient = reference.config.auxLossCoefficient ?? 0;
    expectGradients(reference, differentiable(reference), (given) => {
      const { y, routing } = runPair(given['input.x'] as tf.Tensor3D, parametersOfReference(reference, given), config);
      const task = tf.sum(tf.mul(y, reference.tensors['r.y']!));
      return tf.add(task, tf.mul(loadBalanceLoss(routing!), coefficient));
    });
  });
});
