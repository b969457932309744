import { availableBackends, expectGradients, expectOutput, readReference, referenceCases } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { resolveBlock } from './BlockConfig.js';
import { resolvePair, type PairConfig } from '../pair/PairConfig.js';
import { runPair } from '../pair/runPair.js';
import { below, type ParameterRecord } from '../../parameters/ParameterRecord.js';
import { backboneOfReference, differentiable, parametersOfReference } from '../../testing/referenceConfig.js';
import { runBlock } from './runBlock.js';

const names = referenceCases('stack');

interface Element {
  layer: 'everyBlock' | 'scmoe';
  position: PairConfig['position'];
}

describe.each(availableBackends())('blocks and pairs in a row against the reference values on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  it.each(names)('%s', (name) => {
    const reference = readReference(name);
    const elements = reference.config.blocks as Element[];
    const run = (x: tf.Tensor3D, parameters: ParameterRecord) =>
      elements.map(({ layer, position }, i) => {
        const own = below(parameters, `block${i}`);
        const config = { ...backboneOfReference(reference, `block${i}.`), kind: 'scmoe' as const };
        const result =
          layer === 'everyBlock'
            ? runBlock(x, own, resolveBlock(config))
            : runPair(x, own, resolvePair({ ...config, position }));
        x = result.y;
        return result;
      });

    run(reference.tensors['input.x'] as tf.Tensor3D, parametersOfReference(reference)).forEach(({ y, routing }, i) => {
      expectOutput(reference, `block${i}.y`, y);
      const expected = reference.tensors[`output.block${i}.experts`]!;
      expect(routing!.experts.dataSync()).toEqual(expected.dataSync());
    });
    expectGradients(reference, differentiable(reference), (given) => {
      const { y } = run(given['input.x'] as tf.Tensor3D, parametersOfReference(reference, given)).at(-1)!;
      return tf.sum(tf.mul(y, reference.tensors['r.y']!));
    });
  });
});
