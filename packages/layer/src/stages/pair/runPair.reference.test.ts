import { expectOutput, type Reference } from '@scmoe/testing';
import { sequentialPlan } from '@scmoe/scheduler';
import type * as tf from '@tensorflow/tfjs';

import { resolvePair, type PairConfig } from './PairConfig.js';
import { checkParameters } from '../../parameters/ParameterSpec.js';
import { executePlan } from '../../plan/executePlan.js';
import { describeReference, expectGradientsOf, expectRouting } from '../../testing/describeReference.js';
import { backboneOfReference, parametersOfReference } from '../../testing/referenceConfig.js';
import { pairOperators } from './pairOperators.js';
import { pairSpecs } from './pairSpecs.js';
import { runPair } from './runPair.js';

const configOf = (reference: Reference): PairConfig => ({
  ...backboneOfReference(reference),
  kind: reference.config.layer as PairConfig['kind'],
});

describeReference('runPair', 'pair', (reference) => {
  const config = resolvePair(configOf(reference));
  const parameters = parametersOfReference(reference);
  checkParameters(parameters, pairSpecs(config));

  const operators = pairOperators(parameters, config);
  const x = reference.tensors['input.x'] as tf.Tensor3D;
  const values = executePlan(sequentialPlan(operators), operators, { x });
  for (const output of ['a', 'b', 'c', 'u', 'y', 'routed'] as const) expectOutput(reference, output, values[output]!);
  if (config.moe?.shortcut) expectOutput(reference, 's', values.s!);
  if (config.moe?.shared) expectOutput(reference, 'shared', values.shared!.output);
  if (values.shared?.coefficients) expectOutput(reference, 'coefficients', values.shared.coefficients);
  expectRouting(reference, values.routing!);
  if (config.kind === 'dgmoe') {
    expectOutput(reference, 'routedCurrent', values.currentRouted!);
    expectRouting(reference, values.currentRouting!, { weights: 'currentWeights', experts: 'currentExperts' });
  }
  expectGradientsOf<tf.Tensor3D>(reference, (...args) => runPair(...args, config));
});
