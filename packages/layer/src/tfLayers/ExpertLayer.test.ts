import * as tf from '@tensorflow/tfjs';

import { experts } from '../testing/layersModel.js';
import { dgMoE } from './DgMoE.js';
import { mixtureOfExperts } from './MixtureOfExperts.js';
import { scMoE } from './ScMoE.js';
import { sharedExpertMoE } from './SharedExpertMoE.js';
import { megatronShortcutBlock, transformerBlock, type MegatronShortcutBlockArgs } from './TransformerBlock.js';
import { transformerPair, type TransformerPairArgs } from './TransformerPair.js';

describe('every layer of experts', () => {
  it.each<[string, () => unknown, RegExp]>([
    [
      'more choices than experts',
      () => mixtureOfExperts({ ...experts, topK: 9 }),
      /topK: expected at most numExperts = 4, got 9/,
    ],
    [
      'an expert without width',
      () => mixtureOfExperts({ numExperts: 4, expertHidden: 0 }),
      /expertHidden: expected a positive/,
    ],
    [
      'an unknown mix',
      () => sharedExpertMoE({ ...experts, mix: 'cg9' as 'cg1' }),
      /mix: expected one of add, cg1, cg2/,
    ],
    ['an unknown kind', () => transformerPair({ kind: 'any' as 'dense', numHeads: 2 }), /kind: expected one of dense/],
    [
      'an unknown option',
      () => transformerPair({ kind: 'dense', numHeads: 2, routedTopK: 2 } as TransformerPairArgs),
      /^ScmoeTransformerPair: unknown option routedTopK = 2; the options are .*topK/,
    ],
    [
      'a pair without heads',
      () => transformerPair({ kind: 'dense' } as TransformerPairArgs),
      /^numHeads: .*got undefined/,
    ],
    [
      'half a head',
      () => transformerBlock({ kind: 'dense', numHeads: 1.5 }),
      /^numHeads: expected a positive integer, got 1.5/,
    ],
    [
      'a shortcut norm that a bare layer has not',
      () => scMoE({ ...experts, shortcutNorm: 'shared' as 'own' }),
      /shortcutNorm: expected one of own, none, got "shared"/,
    ],
    [
      'an unknown norm',
      () => dgMoE({ ...experts, norm: 'batch' as 'rms' }),
      /norm: expected one of layer, rms, zeroCentredRms, got "batch"/,
    ],
    ['two choices of DGMoE', () => dgMoE({ ...experts, topK: 2 }), /topK: expected 1 for DGMoE/],
    [
      'DGMoE with a forced balance',
      () => dgMoE({ ...experts, forcedBalance: true }),
      /forcedBalance: expected false for DGMoE/,
    ],
    [
      'a negative coefficient',
      () => scMoE({ ...experts, zLossCoefficient: -1 }),
      /zLossCoefficient: expected a number >= 0/,
    ],
    [
      'the load loss without noise',
      () => scMoE({ ...experts, loadCoefficient: 1 }),
      /loadCoefficient: expected 0 without noisy, got 1/,
    ],
    [
      'an unknown bias rule',
      () => scMoE({ ...experts, biasUpdateRule: 'pid' as 'sign' }),
      /biasUpdateRule: expected one of sign, proportional, quantile, got "pid"/,
    ],
    ['a seed that is no number', () => scMoE({ ...experts, seed: NaN }), /seed: expected an integer, got NaN/],
    [
      'another mix in the Megatron form',
      () => megatronShortcutBlock({ ...experts, numHeads: 2, mix: 'cg1' } as MegatronShortcutBlockArgs),
      /mix: expected add in a megatronShortcutBlock, got "cg1"/,
    ],
    [
      'a single input to scMoE',
      () => scMoE(experts).apply(tf.input({ shape: [5, 8] })),
      /expected two inputs, \[current, shortcut\], got \(any, 5, 8\)/,
    ],
    [
      'two inputs to a layer of one',
      () => mixtureOfExperts(experts).apply([tf.input({ shape: [5, 8] }), tf.input({ shape: [5, 8] })]),
      /expected one input of known last axis/,
    ],
    ...[scMoE, dgMoE].map((make): [string, () => unknown, RegExp] => [
      `inputs of different shape to ${make.name}`,
      () => make(experts).apply([tf.input({ shape: [5, 8] }), tf.input({ shape: [5, 6] })]),
      /expected current and shortcut of one shape, got \(any, 5, 8\) and \(any, 5, 6\)/,
    ]),
    [
      'tensors of different shape to a scMoE that was built for another batch',
      () => {
        const layer = scMoE(experts);
        layer.apply([tf.zeros([2, 5, 8]), tf.zeros([2, 5, 8])]);
        layer.apply([tf.zeros([2, 5, 8]), tf.zeros([2, 4, 8])]);
      },
      /shortcut: expected the shape of the current input, \(2, 5, 8\), got \(2, 4, 8\)/,
    ],
    [
      'heads that do not divide the width',
      () => transformerPair({ kind: 'dense', numHeads: 3 }).apply(tf.input({ shape: [5, 8] })),
      /numHeads: expected a divisor of dModel = 8, got 3/,
    ],
    [
      'the same at construction, where the shape is known',
      () => transformerPair({ kind: 'dense', numHeads: 3, inputShape: [5, 8] }),
      /numHeads: expected a divisor of dModel = 8, got 3/,
    ],
    [
      'an input without sequence',
      () => transformerBlock({ kind: 'dense', numHeads: 2 }).apply(tf.input({ shape: [8] })),
      /expected one input \(batch, sequence, d\), got \(any, 8\)/,
    ],
    [
      'a later input of another width',
      () => {
        const layer = mixtureOfExperts(experts);
        layer.apply(tf.zeros([2, 8]));
        layer.apply(tf.zeros([2, 6]));
      },
      /expected axis -?1 of input shape to have value 8 but got shape 2,6/,
    ],
  ])('reject %s', (_, build, message) => {
    expect(build).toThrow(message);
  });
});
