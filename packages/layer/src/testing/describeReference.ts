import { loadBalanceLoss, type Routing } from '@scmoe/gating';
import {
  availableBackends,
  expectGradients,
  expectOutput,
  readReference,
  type Reference,
  referenceCases,
} from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import type { ParameterRecord } from '../parameters/ParameterRecord.js';
import { parametersOfReference } from './referenceConfig.js';

/** Describes one test for each reference case of a kind, on every backend. */
export function describeReference(what: string, kind: string, body: (reference: Reference) => void): void {
  describe.each(availableBackends())(`${what} against the reference values on %s`, (backend) => {
    beforeAll(() => tf.setBackend(backend));
    beforeEach(() => tf.engine().startScope());
    afterEach(() => tf.engine().endScope());

    it.each(referenceCases(kind))('%s', (name) => body(readReference(name)));
  });
}

/** Compares weights and choices of a router with `output.weights` and `output.experts` of a case, or other names of them. */
export function expectRouting(
  reference: Reference,
  { weights, experts }: Routing,
  names = { weights: 'weights', experts: 'experts' },
): void {
  expectOutput(reference, names.weights, weights);
  expect(experts.dataSync()).toEqual(reference.tensors[`output.${names.experts}`]!.dataSync());
}

/**
 * Compares the gradients of all parameters and of the input with those of a case: of `y` times the case's random tensor,
 * and of the load balance loss where the case has a coefficient for it.
 *
 * @param run what is tested, of `x` and parameters
 * @param parametersOf the parameters of a case by our names
 */
export function expectGradientsOf<X extends tf.Tensor>(
  reference: Reference,
  run: (x: X, parameters: ParameterRecord) => { y: tf.Tensor; routing?: Routing | undefined },
  parametersOf: typeof parametersOfReference = parametersOfReference,
): void {
  const differentiable = Object.keys(reference.tensors).filter((name) => /^(param|input)\./.test(name));
  const { auxLossCoefficient: coefficient } = reference.config;
  expectGradients(reference, differentiable, (given) => {
    const { y, routing } = run(given['input.x'] as X, parametersOf(reference, given));
    const task = tf.sum<tf.Scalar>(tf.mul(y, reference.tensors['r.y']!));
    return coefficient ? tf.add<tf.Scalar>(task, tf.mul(loadBalanceLoss(routing!), coefficient)) : task;
  });
}
