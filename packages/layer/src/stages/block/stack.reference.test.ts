import { expectOutput } from '@scmoe/testing';
import type * as tf from '@tensorflow/tfjs';

import { resolveBlock } from './BlockConfig.js';
import { resolvePair, type PairConfig } from '../pair/PairConfig.js';
import { runPair } from '../pair/runPair.js';
import { below, type ParameterRecord } from '../../parameters/ParameterRecord.js';
import { describeReference, expectGradientsOf } from '../../testing/describeReference.js';
import { backboneOfReference, parametersOfReference } from '../../testing/referenceConfig.js';
import { runBlock } from './runBlock.js';

interface Element {
  layer: 'everyBlock' | 'scmoe';
  position: PairConfig['position'];
}

describeReference('blocks and pairs in a row', 'stack', (reference) => {
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
  expectGradientsOf<tf.Tensor3D>(reference, (...args) => run(...args).at(-1)!);
});
