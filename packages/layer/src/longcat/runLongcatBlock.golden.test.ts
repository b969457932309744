import { type Golden, availableBackends, expectGradients, expectOutput, golden, goldenNames } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { checkParameters } from '../parameters/ParameterSpec.js';
import { executePlan } from '../plan/executePlan.js';
import { sequentialPlan } from '../plan/Plan.js';
import { backboneOfGolden, differentiable, parametersOfGolden } from '../testing/goldenConfig.js';
import { resolveLongcatBlock, type LongcatBlockConfig } from './LongcatBlockConfig.js';
import { longcatOperators } from './longcatOperators.js';
import { longcatSpecs } from './longcatSpecs.js';
import { runLongcatBlock } from './runLongcatBlock.js';

const names = goldenNames('longcat-block-');

/** Theirs are counted from 0 and call an MLP a feed-forward network. */
function ourName(name: string): string {
  return name.replace(/^(attn|ffn|normAttn|normFfn)([01])/, (_, part: string, index: string) => {
    return `${part.replace('ffn', 'mlp').replace('Ffn', 'Mlp')}${Number(index) + 1}`;
  });
}

function parametersOf(reference: Golden, given?: Record<string, tf.Tensor>): Record<string, tf.Tensor> {
  const theirs = Object.entries(parametersOfGolden(reference, given));
  return Object.fromEntries(theirs.map(([name, tensor]) => [ourName(name), tensor]));
}

function configOf(reference: Golden): LongcatBlockConfig {
  const { numExperts } = reference.config;
  return { ...backboneOfGolden(reference), numExperts, ffnHidden: reference.tensors['param.ffn0.gate']!.shape[1]! };
}

const suite = names.length > 0 ? describe.each(availableBackends()) : describe.skip.each(availableBackends());
suite('runLongcatBlock against the reference values on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  it.each(names)('%s', (name) => {
    const reference = golden(name)!;
    const config = resolveLongcatBlock(configOf(reference));
    const parameters = parametersOf(reference);
    const x = reference.tensors['input.x'] as tf.Tensor3D;
    checkParameters(parameters, longcatSpecs(config));

    const operators = longcatOperators(parameters, config);
    const values = executePlan(sequentialPlan(operators), operators, { x });
    for (const output of ['a', 'u', 'b', 'c', 'routed', 'y'] as const) expectOutput(reference, output, values[output]!);
    expectOutput(reference, 'weights', values.routing!.weights);
    expect(values.routing!.experts.dataSync()).toEqual(reference.tensors['output.experts']!.dataSync());

    expectGradients(reference, differentiable(reference), (given) => {
      const { y } = runLongcatBlock(given['input.x'] as tf.Tensor3D, parametersOf(reference, given), config);
      return tf.sum(tf.mul(y, reference.tensors['r.y']!));
    });
  });
});
